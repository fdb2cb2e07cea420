/** The tables of the guide match the code. */

import { withTables } from '../dev/documentedTables';
import { GUIDE, PAGES } from './__testUtils__/readmeText';

describe('the tables of the guide', () => {
  it.each(PAGES.map(({ file, text }) => [file, text] as const))(
    'are up to date in %s; if not, run `npm run docs`',
    (_, text) => {
      expect(text).toBe(withTables(text));
    },
  );

  it.each(['configuration', 'reading', 'outcomes', 'catalog-errors'])(
    'include the table %s once',
    name => {
      expect(GUIDE.split(`<!-- table: ${name} -->`)).toHaveLength(2);
    },
  );

  it('are reported when they differ', () => {
    const text = '<!-- table: reading -->\n\n| a |\n| - |\n\n<!-- /table -->\n';

    expect(withTables(text)).not.toBe(text);
    expect(withTables(text)).toContain('`maxAge`');
    expect(withTables(withTables(text))).toBe(withTables(text));
  });

  it('have a known name', () => {
    expect(() => withTables('<!-- table: nothing -->\n<!-- /table -->')).toThrow(
      'there is no table nothing',
    );
  });
});
