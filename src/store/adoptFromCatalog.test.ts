import { file, known, stateOf } from '../__testUtils__/discoveryData';
import { adoptFromCatalog } from './readCatalogBaseline';

describe('what is remembered, with what the catalog holds', () => {
  it('is the state itself where the catalog holds nothing else', () => {
    const state = stateOf([known(7, 'PAY/api'), known(8, 'PAY/web')]);

    expect(adoptFromCatalog(state, stateOf([known(-1, 'PAY/api')]))).toBe(state);
  });

  it('has what only the catalog holds, under ids of its own', () => {
    const state = stateOf([known(7, 'PAY/api'), known(-1, 'PAY/old')]);
    const baseline = stateOf([known(-1, 'PAY/api'), known(-2, 'PAY/lost')]);

    expect(adoptFromCatalog(state, baseline).repositories).toEqual([
      ...state.repositories,
      known(-2, 'PAY/lost'),
    ]);
  });

  it('has a further file of a repository that is remembered', () => {
    const more = file('PAY/api', 'more.yaml');
    const state = stateOf([known(7, 'PAY/api')]);
    const baseline = stateOf([known(-1, 'PAY/api', [file('PAY/api'), more])]);

    expect(adoptFromCatalog(state, baseline).repositories).toEqual([
      known(7, 'PAY/api'),
      known(-1, 'PAY/api', [more]),
    ]);
  });

  it('keeps what is held back', () => {
    const state = { ...stateOf([known(7, 'PAY/api')]), held: [] };

    expect(adoptFromCatalog(state, stateOf([known(-1, 'PAY/lost')])).held).toBe(
      state.held,
    );
  });
});
