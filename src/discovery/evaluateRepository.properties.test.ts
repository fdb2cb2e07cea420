import fc from 'fast-check';
import {
  address,
  file,
  HOUR,
  known,
  NOW,
  scope,
  target,
  getTargets,
} from '../__testUtils__/discoveryData';
import { FakeRepositorySource } from '../__testUtils__/FakeRepositorySource';
import { propertyRuns } from '../__testUtils__/propertyRuns';
import { catalogAfter, stateAfter } from '../__testUtils__/repositoryDeltas';
import { evaluateCheck, checkRepository, RepositoryDelta } from './evaluateRepository';
import { toLocations } from './locations';
import { KnownRepository } from './types';

/** Few values of each kind, so that every combination of ids, addresses and files occurs. */
const ADDRESSES = ['PAY/a', 'PAY/b', 'OPS/a'];
const PATHS = ['catalog-info.yaml', 'docs/catalog-info.yaml', 'x.yaml'];

const someAddress = fc.constantFrom(...ADDRESSES);
const somePaths = fc.uniqueArray(fc.constantFrom(...PATHS));
const someId = fc.integer({ min: 1, max: 4 });

const someKnown = fc
  .record({
    id: fc.oneof(someId, fc.constantFrom(-1, -2)),
    at: someAddress,
    oldAt: someAddress,
    paths: somePaths,
  })
  .chain(({ id, at, oldAt, paths }) =>
    // Most files are at the repository's address; some remain from before a rename.
    fc.constantFrom(at, at, oldAt).map(filesAt => ({
      ...known(
        id,
        at,
        paths.map(path => file(filesAt, path)),
        1,
      ),
      // One server: an id is the same repository at every address.
      hierarchyId: `hierarchy-${id}`,
    })),
  );

interface State {
  readonly before: readonly KnownRepository[];
  readonly id: number;
  readonly at: string;
  /** `undefined` when there is no repository. */
  readonly files: readonly string[] | undefined;
}

const someState: fc.Arbitrary<State> = fc.record({
  before: fc.uniqueArray(someKnown, {
    selector: repository => repository.repositoryId,
    maxLength: 5,
  }),
  id: someId,
  at: someAddress,
  files: fc.option(somePaths, { nil: undefined }),
});

async function evaluateDelta(
  { before, id, at, files }: State,
  maxPercentage?: number,
): Promise<RepositoryDelta> {
  const source = new FakeRepositorySource();
  if (files) {
    source.put(id, at, { files, hierarchyId: `hierarchy-${id}` });
  }
  const checked = await checkRepository(address(at), scope({ paths: PATHS }), {
    source,
    loadKnown: async () => before,
    now: () => NOW,
  });
  if (checked.kind === 'unknown') {
    throw new Error(checked.problem.detail);
  }
  const policy = { maxPercentage: maxPercentage ?? 100, holdForMs: HOUR };
  const guard = { policy, held: [], nowMs: NOW };
  const isGuarded = maxPercentage !== undefined;
  const { delta } = await evaluateCheck(checked, before, isGuarded ? guard : undefined);
  return delta;
}

function targetsIn(all: readonly KnownRepository[]): Set<string> {
  return new Set(getTargets(toLocations(all)));
}

/** Runs the assertion for each generated state. */
async function check(
  holds: (state: State, delta: RepositoryDelta) => void | Promise<void>,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(someState, async state => holds(state, await evaluateDelta(state))),
    { numRuns: propertyRuns(200) },
  );
}

describe('evaluateRepository, for any known state and any outcome', () => {
  it('replaces the known files of a repository with exactly those that were found', async () => {
    await check(async ({ at, id, files = [], before }) => {
      const mine = before.filter(repository => repository.repositoryId === id);
      const delta = await evaluateDelta({ at, id, files, before: mine });
      const found = new Set(files.map(path => target(at, path)));
      expect(catalogAfter(targetsIn(mine), delta)).toEqual(found);
    });
  });

  it('adds every file that was found and removes none that another repository has elsewhere', async () => {
    await check(({ before, id, at, files = [] }, delta) => {
      const after = catalogAfter(targetsIn(before), delta);
      const { projectKey, slug } = address(at);
      const others = before.filter(
        repository =>
          repository.repositoryId !== id &&
          (repository.projectKey !== projectKey || repository.slug !== slug),
      );
      const due = [...files.map(path => target(at, path)), ...targetsIn(others)];
      expect(due.filter(target => !after.has(target))).toEqual([]);
    });
  });

  it('stores the targets that are then in the catalog, without adding duplicates', async () => {
    await check(({ before }, delta) => {
      const state = stateAfter(before, delta);
      expect(targetsIn(state)).toEqual(catalogAfter(targetsIn(before), delta));
      const shared = (all: readonly KnownRepository[]) =>
        toLocations(all).length - targetsIn(all).size;
      expect(shared(state)).toBeLessThanOrEqual(shared(before));
    });
  });

  it('stores a superset of the catalog at every moment until the catalog has applied the delta', async () => {
    await check(({ before }, delta) => {
      const had = targetsIn(before);
      const { added, forgottenIds } = delta;
      const adding = { ...delta, changed: delta.changedByAdding };
      const refused = { ...delta, changed: delta.changedByCheck };
      const all = new Set([...had, ...getTargets(added)]);
      expect(targetsIn(stateAfter(before, adding))).toEqual(all);
      expect(targetsIn(stateAfter(before, refused))).toEqual(had);
      expect(forgottenIds.every(repositoryId => repositoryId < 0)).toBe(true);
    });
  });

  it('keeps Locations whose removal is held back, both in the catalog and in the state', async () => {
    let held = 0;
    await check(async state => {
      const { before } = state;
      const due = await evaluateDelta(state);
      const guarded = await evaluateDelta(state, 0);
      const heldBack = guarded.held.map(removal => removal.entryKey);
      held += heldBack.length;
      expect([...heldBack, ...getTargets(guarded.removed)].sort()).toEqual(
        getTargets(due.removed),
      );
      expect(targetsIn(stateAfter(before, guarded))).toEqual(
        catalogAfter(targetsIn(before), guarded),
      );
      expect(getTargets(guarded.added)).toEqual(getTargets(due.added));
    });
    expect(held).toBeGreaterThan(50);
  });

  it('lists each target once, and adds only targets that were not there', async () => {
    await check(({ before }, delta) => {
      const had = targetsIn(before);
      const [added, removed, stayed] = [delta.added, delta.removed, delta.stayed].map(
        getTargets,
      );
      const all = [added, removed, stayed].flatMap(some => some ?? []);
      expect(new Set(all).size).toBe(all.length);
      expect(all.filter(target => had.has(target)).sort()).toEqual(
        getTargets([...delta.removed, ...delta.stayed]),
      );
    });
  });

  it('changes nothing when it evaluates the same state again', async () => {
    await check(async (state, delta) => {
      const before = stateAfter(state.before, delta);
      const again = await evaluateDelta({ ...state, before });
      expect([...again.added, ...again.removed]).toEqual([]);
      expect(getTargets(again.stayed)).toEqual(
        getTargets([...delta.added, ...delta.stayed]),
      );
      expect(stateAfter(before, again)).toEqual(before);
    });
  });

  it('is tested with every case', async () => {
    const seen = { added: 0, removed: 0, stayed: 0, changed: 0, forgottenIds: 0 };
    await check((_, delta) => {
      seen.added += delta.added.length;
      seen.removed += delta.removed.length;
      seen.stayed += delta.stayed.length;
      seen.changed += delta.changed.length > 1 ? 1 : 0;
      seen.forgottenIds += delta.forgottenIds.length;
    });
    expect(Object.entries(seen).filter(([, count]) => count < 10)).toEqual([]);
  });
});
