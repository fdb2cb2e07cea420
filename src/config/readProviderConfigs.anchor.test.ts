import { makeValidator } from '@backstage/catalog-model';
import fc from 'fast-check';
import { anchorEntityName } from './readProviderConfigs';

describe('anchorEntityName', () => {
  it.each([
    ['default', 'bitbucket-server-default'],
    ['Prod_EU.1', 'bitbucket-server-Prod_EU.1'],
    ['prod eu', 'bitbucket-server-prod-eu'],
    ['team/one: x', 'bitbucket-server-team-one-x'],
    ['prod-', 'bitbucket-server-prod'],
    ['_prod', 'bitbucket-server-_prod'],
    ['x'.repeat(46), `bitbucket-server-${'x'.repeat(46)}`],
  ])('names the anchor of "%s" %s', (id, name) => {
    expect(anchorEntityName(id)).toBe(name);
  });

  it('distinguishes ids that are too long or have no allowed character', () => {
    const ids = [
      'x'.repeat(47),
      'x'.repeat(48),
      `${'x'.repeat(50)}y`,
      '本番',
      '試験',
      '***',
    ];
    expect(new Set(ids.map(anchorEntityName)).size).toBe(ids.length);
  });

  it('returns a valid entity name for any id, and always the same one', () => {
    const { isValidEntityName } = makeValidator();
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 90, unit: 'grapheme' }), id => {
        const name = anchorEntityName(id);
        expect(isValidEntityName(name)).toBe(true);
        expect(name.startsWith('bitbucket-server-')).toBe(true);
        expect(anchorEntityName(id)).toBe(name);
      }),
      { numRuns: 1000 },
    );
  });
});
