import { file, known, memoryOf } from '../__testUtils__/discoveryData';
import { withBaseline } from './readCatalogBaseline';

describe('what is remembered, with what the catalog holds', () => {
  it('is the memory itself where the catalog holds nothing else', () => {
    const memory = memoryOf([known(7, 'PAY/api'), known(8, 'PAY/web')]);

    expect(withBaseline(memory, memoryOf([known(-1, 'PAY/api')]))).toBe(memory);
  });

  it('has what only the catalog holds, under ids of its own', () => {
    const memory = memoryOf([known(7, 'PAY/api'), known(-1, 'PAY/old')]);
    const baseline = memoryOf([known(-1, 'PAY/api'), known(-2, 'PAY/lost')]);

    expect(withBaseline(memory, baseline).repositories).toEqual([
      ...memory.repositories,
      known(-2, 'PAY/lost'),
    ]);
  });

  it('has a further file of a repository that is remembered', () => {
    const more = file('PAY/api', 'more.yaml');
    const memory = memoryOf([known(7, 'PAY/api')]);
    const baseline = memoryOf([known(-1, 'PAY/api', [file('PAY/api'), more])]);

    expect(withBaseline(memory, baseline).repositories).toEqual([
      known(7, 'PAY/api'),
      known(-1, 'PAY/api', [more]),
    ]);
  });

  it('keeps what is held back', () => {
    const memory = { ...memoryOf([known(7, 'PAY/api')]), held: [] };

    expect(withBaseline(memory, memoryOf([known(-1, 'PAY/lost')])).held).toBe(
      memory.held,
    );
  });
});
