import fc from 'fast-check';
import {
  ABSENT,
  discovered,
  ended,
  EXCLUDED,
  file,
  HOUR,
  known,
  createState,
  NOW,
  registered,
  getTargets,
  UNKNOWN,
  knownById,
} from '../__testUtils__/discoveryData';
import { propertyRuns } from '../__testUtils__/propertyRuns';
import { RepositoryOutcome } from '../model';
import { addressKey } from './identify';
import { RemovalPolicy } from './planRemovals';
import { reconcile, ReconcileRequest, Reconciliation } from './reconcile';
import { KnownRepositories, KnownRepository } from './types';

/** Few values of each kind, so that every combination of ids, addresses and files occurs. */
const ADDRESSES = ['PAY/a', 'PAY/b', 'OPS/a', 'OPS/b', '~JDOE/a'];
const PATHS = ['catalog-info.yaml', 'docs/catalog-info.yaml', 'x.yaml'];

const someAddress = fc.constantFrom(...ADDRESSES);
const somePaths = fc.uniqueArray(fc.constantFrom(...PATHS), { maxLength: 3 });
const someId = fc.integer({ min: -3, max: 8 });

const someKnown = fc.uniqueArray(
  fc
    .record({ id: someId, at: someAddress, oldAt: someAddress, paths: somePaths })
    .chain(repository =>
      // Most files are at the repository's address; some remain from before a rename.
      fc
        .constantFrom(repository.at, repository.at, repository.at, repository.oldAt)
        .map(at =>
          known(
            repository.id,
            repository.at,
            repository.paths.map(path => file(at, path)),
            1,
          ),
        ),
    ),
  { selector: repository => repository.repositoryId, maxLength: 6 },
);

const someOutcome: fc.Arbitrary<(at: string) => RepositoryOutcome> = fc.oneof(
  fc
    .uniqueArray(fc.constantFrom(...PATHS), { minLength: 1 })
    .map(paths => (at: string) => registered(at, ...paths)),
  fc.constantFrom(ABSENT, EXCLUDED, UNKNOWN, UNKNOWN).map(outcome => () => outcome),
);

const someResults = fc.uniqueArray(
  fc
    .record({ id: someId, at: someAddress, outcome: someOutcome })
    .map(({ id, at, outcome }) => ended(id, at, outcome(at))),
  { selector: result => result.repository.id, maxLength: 6 },
);

const somePolicy: fc.Arbitrary<RemovalPolicy> = fc.record({
  maxPercentage: fc.constantFrom(0, 30, 100),
  holdForMs: fc.constantFrom(0, HOUR),
});

const someRequest: fc.Arbitrary<ReconcileRequest> = fc
  .record({
    before: someKnown,
    repositories: someResults,
    gone: fc.array(someId),
    complete: fc.constantFrom(true, true, true, false),
    interruption: fc.constantFrom(undefined, undefined, undefined, {
      kind: 'aborted' as const,
      error: undefined,
    }),
    isStateKnown: fc.constantFrom(true, true, true, false),
    heldAges: fc.array(fc.integer({ min: 0, max: 3 })),
    policy: somePolicy,
  })
  .map(({ before, repositories, gone, isStateKnown, heldAges, policy, ...how }) => {
    const checkedIds = new Set(repositories.map(result => result.repository.id));
    const locations = before.flatMap(repository =>
      repository.files.map(({ targetUrl }) => ({
        entryKey: targetUrl,
        repositoryId: repository.repositoryId,
      })),
    );
    const held = heldAges.flatMap((age, index) => {
      const location = locations[index];
      return location
        ? [
            {
              ...location,
              sinceMs: NOW - age * HOUR,
              confirmedForMs: age * HOUR,
              approved: false,
            },
          ]
        : [];
    });
    return {
      result: discovered({
        known: isStateKnown ? before : [],
        repositories,
        gone: gone.filter(id => !checkedIds.has(id)),
        ...how,
      }),
      state: isStateKnown ? createState(before, held) : undefined,
      policy,
      nowMs: NOW,
    };
  });

function targetsKnown(
  repositories: readonly KnownRepository[] | KnownRepositories,
): string[] {
  return [
    ...new Set(
      [...repositories.values()].flatMap(repository =>
        repository.files.map(f => f.targetUrl),
      ),
    ),
  ].sort();
}

/** The targets that the catalog holds afterwards. */
function catalogAfter({ result }: ReconcileRequest, plan: Reconciliation): Set<string> {
  const before = plan.mutation === 'full' ? [] : targetsKnown(result.known);
  return new Set([...before, ...getTargets(plan.locations)]);
}

/** Whether the run has proven that no repository with this target still has it. */
function isProvenLost({ result, state }: ReconcileRequest, target: string): boolean {
  const isReadToTheEnd =
    state !== undefined && result.listing.complete && !result.interruption;
  const owners = [...result.known.values()].filter(repository =>
    repository.files.some(f => f.targetUrl === target),
  );
  const inDoubt = owners.some(owner => {
    const own = result.repositories.get(owner.repositoryId);
    const isUnknown = own
      ? own.outcome.kind === 'unknown'
      : !result.goneRepositoryIds.has(owner.repositoryId);
    return (
      isUnknown ||
      [...result.repositories.values()].some(
        ({ outcome, repository }) =>
          outcome.kind === 'unknown' && addressKey(repository) === addressKey(owner),
      )
    );
  });
  return isReadToTheEnd && !inDoubt;
}

async function check(
  property: (request: ReconcileRequest, plan: Reconciliation) => void | Promise<void>,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(someRequest, async request =>
      property(request, await reconcile(request)),
    ),
    { numRuns: propertyRuns(1000) },
  );
}

describe('reconcile, for any known state and any result of a run', () => {
  it('removes only Locations that are proven lost', async () => {
    await check((request, plan) => {
      const after = catalogAfter(request, plan);
      const lost = targetsKnown(request.result.known).filter(
        target => !after.has(target),
      );
      expect(lost.filter(target => !isProvenLost(request, target))).toEqual([]);
    });
  });

  it('removes every Location that is proven lost when the guard is off', async () => {
    await check(async (request, _) => {
      const policy = { maxPercentage: 100, holdForMs: 0 };
      const plan = await reconcile({ ...request, policy });
      const found = new Set(
        [...request.result.repositories.values()].flatMap(({ outcome }) =>
          outcome.kind === 'registered' ? outcome.files.map(f => f.targetUrl) : [],
        ),
      );
      const kept = getTargets(plan.locations).filter(
        target => !found.has(target) && isProvenLost(request, target),
      );
      expect(kept).toEqual([]);
    });
  });

  it('emits every file that was found, each target once', async () => {
    await check((request, plan) => {
      const targets = getTargets(plan.locations);
      expect(new Set(targets).size).toBe(targets.length);
      for (const { outcome } of request.result.repositories.values()) {
        if (outcome.kind === 'registered') {
          expect(targets).toEqual(
            expect.arrayContaining(outcome.files.map(f => f.targetUrl)),
          );
        }
      }
    });
  });

  it('keeps the Locations that are carried forward or held back, and none that are removed', async () => {
    await check((_, plan) => {
      const targets = getTargets(plan.locations);
      const heldBack = plan.mutation === 'full' ? plan.heldBack : [];
      const kept = getTargets([...plan.carriedForward, ...heldBack]);
      expect(targets).toEqual(expect.arrayContaining(kept));
      expect(new Set(kept).size).toBe(kept.length);
      expect(getTargets(plan.removed).filter(target => targets.includes(target))).toEqual(
        [],
      );
      expect(plan.heldBackReason === undefined).toBe(plan.heldBack.length === 0);
    });
  });

  it('stores exactly the targets that are then in the catalog, each repository once', async () => {
    await check((request, plan) => {
      if (request.state === undefined) {
        expect(plan.state).toBeUndefined();
        return;
      }
      const repositories = plan.state?.repositories ?? [];
      expect(targetsKnown(repositories)).toEqual([...catalogAfter(request, plan)].sort());
      const ids = repositories.map(repository => repository.repositoryId);
      expect(new Set(ids).size).toBe(ids.length);
    });
  });

  it('removes nothing without approval when no removal is allowed, unless a few are replaced', async () => {
    await check(async (request, _) => {
      const plan = await reconcile({
        ...request,
        policy: { maxPercentage: 0, holdForMs: 0 },
      });
      expect(
        getTargets(plan.removed).filter(target => !plan.replaced.has(target)),
      ).toEqual([]);
      expect(plan.removed.length).toBeLessThanOrEqual(5);
    });
  });

  it('counts exactly the targets that leave the catalog as removed', async () => {
    await check((request, plan) => {
      const after = catalogAfter(request, plan);
      const left = targetsKnown(request.result.known).filter(
        target => !after.has(target),
      );
      expect(getTargets(plan.removed)).toEqual(left);
    });
  });

  it('loses nothing in a following run without results', async () => {
    await check(async (request, plan) => {
      if (!plan.state) {
        return;
      }
      const { repositories } = plan.state;
      const next = await reconcile({
        result: discovered({
          known: repositories,
          repositories: repositories.map(repository =>
            ended(
              repository.repositoryId,
              `${repository.projectKey}/${repository.slug}`,
              UNKNOWN,
            ),
          ),
        }),
        state: plan.state,
        policy: { maxPercentage: 100, holdForMs: 0 },
        nowMs: NOW + HOUR,
      });
      expect(getTargets(next.locations)).toEqual([...catalogAfter(request, plan)].sort());
      expect(next.removed).toEqual([]);
    });
  });

  it('changes nothing when it is repeated with the state it stored', async () => {
    await check(async (request, plan) => {
      if (!plan.state || plan.mutation === 'add-only') {
        return;
      }
      const nothingGuarded = { maxPercentage: 100, holdForMs: 0 };
      const first = await reconcile({ ...request, policy: nothingGuarded });
      const repositories = first.state?.repositories ?? [];
      const again = await reconcile({
        ...request,
        result: { ...request.result, known: knownById(repositories) },
        state: first.state,
        policy: nothingGuarded,
      });
      const before = new Set(getTargets(first.locations));
      expect(getTargets(again.locations).filter(target => !before.has(target))).toEqual(
        [],
      );
    });
  });

  it('does not depend on the order of repositories', async () => {
    await check(async (request, plan) => {
      const { result, state } = request;
      const reversed = await reconcile({
        ...request,
        result: {
          ...result,
          known: new Map([...result.known].reverse()),
          repositories: new Map([...result.repositories].reverse()),
        },
        state: state && {
          repositories: [...state.repositories].reverse(),
          held: state.held,
        },
      });
      const essence = (reconciliation: Reconciliation) => ({
        mutation: reconciliation.mutation,
        locations: getTargets(reconciliation.locations),
        carriedForward: getTargets(reconciliation.carriedForward),
        heldBack: getTargets(reconciliation.heldBack),
        removed: getTargets(reconciliation.removed),
        held: reconciliation.state?.held.map(held => held.entryKey).sort(),
      });
      expect(essence(reversed)).toEqual(essence(plan));
    });
  });

  it('is tested with every case', async () => {
    const seen = { removed: 0, heldBack: 0, carriedForward: 0, replaced: 0, addOnly: 0 };
    await check((_, plan) => {
      seen.removed += plan.removed.length;
      seen.heldBack += plan.heldBack.length;
      seen.carriedForward += plan.carriedForward.length;
      seen.addOnly += plan.mutation === 'add-only' ? 1 : 0;
      seen.replaced += getTargets(plan.removed).filter(target =>
        plan.replaced.has(target),
      ).length;
    });
    expect(Object.entries(seen).filter(([, count]) => count < 50)).toEqual([]);
  });
});
