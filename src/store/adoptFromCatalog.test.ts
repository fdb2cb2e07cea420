import { file, known, createState } from '../__testUtils__/discoveryData';
import { adoptFromCatalog } from './readCatalogBaseline';

describe('the stored state, merged with the catalog', () => {
  it('is the state itself when the catalog has nothing else', () => {
    const state = createState([known(7, 'PAY/api'), known(8, 'PAY/web')]);

    expect(adoptFromCatalog(state, createState([known(-1, 'PAY/api')]))).toBe(state);
  });

  it('contains files that are only in the catalog, under separate placeholder ids', () => {
    const state = createState([known(7, 'PAY/api'), known(-1, 'PAY/old')]);
    const baseline = createState([known(-1, 'PAY/api'), known(-2, 'PAY/lost')]);

    expect(adoptFromCatalog(state, baseline).repositories).toEqual([
      ...state.repositories,
      known(-2, 'PAY/lost'),
    ]);
  });

  it('contains an additional file of a stored repository', () => {
    const more = file('PAY/api', 'more.yaml');
    const state = createState([known(7, 'PAY/api')]);
    const baseline = createState([known(-1, 'PAY/api', [file('PAY/api'), more])]);

    expect(adoptFromCatalog(state, baseline).repositories).toEqual([
      known(7, 'PAY/api'),
      known(-1, 'PAY/api', [more]),
    ]);
  });

  it('keeps held removals', () => {
    const state = { ...createState([known(7, 'PAY/api')]), held: [] };

    expect(adoptFromCatalog(state, createState([known(-1, 'PAY/lost')])).held).toBe(
      state.held,
    );
  });
});
