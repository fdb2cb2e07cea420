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
  target,
  getTargets,
  UNKNOWN,
  knownById,
} from '../__testUtils__/discoveryData';
import { RepositoryOutcome } from '../model';
import { knownAfterCheck } from './difference';
import { applyConcurrentEvents } from './performRun';
import { reconcile } from './reconcile';
import { DiscoveryResult, KnownRepository } from './types';

/** The run checked at `NOW`; later times are events during the run. */
const LAST_RUN = NOW - HOUR;
const DURING = NOW - 1;
const LATER = NOW + 1;

/** A repository as an event or a run stores it. */
function remembered(
  id: number,
  at: string,
  outcome: RepositoryOutcome,
  checkedAtMs: number,
): KnownRepository {
  const revision = checkedAtMs;
  return knownAfterCheck({ ...ended(id, at, outcome), checkedAtMs, revision }, undefined);
}

/** A deleted repository as an event stores it. */
function goneSince(id: number, at: string, checkedAtMs: number): KnownRepository {
  return known(id, at, [], checkedAtMs);
}

function getOutcomes({ repositories }: DiscoveryResult) {
  return [...repositories.values()].map(result => [
    result.repository.id,
    `${result.repository.projectKey}/${result.repository.slug}`,
    result.outcome.kind,
  ]);
}

/** The targets in the catalog after the run. */
async function catalogAfter(result: DiscoveryResult): Promise<string[]> {
  const plan = await reconcile({
    result,
    state: createState(result.known),
    policy: { maxPercentage: 100, holdForMs: 0 },
    nowMs: NOW,
  });
  return getTargets(plan.locations);
}

const REGISTERED = registered('PAY/api');
const OUTCOMES = [REGISTERED, ABSENT, EXCLUDED] as const;
const PAIRS = OUTCOMES.flatMap(outcome =>
  [...OUTCOMES, UNKNOWN].map(
    other => [outcome.kind, other.kind, outcome, other] as const,
  ),
);

describe('a repository that both the run and an event checked', () => {
  const before = remembered(7, 'PAY/api', REGISTERED, LAST_RUN);

  it.each(PAIRS)('is %s, as an event found it after the run: %s', (_, __, later, run) => {
    const newer = remembered(7, 'PAY/api', later, LATER);
    const result = discovered({
      known: [before],
      repositories: [ended(7, 'PAY/api', run)],
    });
    const merged = applyConcurrentEvents(result, [newer]);
    expect([...merged.repositories.values()]).toEqual([
      { ...ended(7, 'PAY/api', later), checkedAtMs: LATER, revision: LATER },
    ]);
    expect(merged.known).toEqual(knownById([newer]));
  });

  it.each([
    ['an event found the other state before the run', DURING],
    ['the stored state is from the run itself', NOW],
    ['the stored state is from the previous run', LAST_RUN],
    ['the stored state has no time', undefined],
  ])('stays as the run found it when %s', (_, at) => {
    for (const outcome of OUTCOMES) {
      for (const ofRun of OUTCOMES) {
        const result = discovered({
          known: [before],
          repositories: [ended(7, 'PAY/api', ofRun)],
        });
        const newer = { ...remembered(7, 'PAY/api', outcome, NOW), revision: at };
        expect(applyConcurrentEvents(result, [newer])).toBe(result);
      }
    }
  });

  it('has the address at which the event found it', async () => {
    const result = discovered({
      known: [before],
      repositories: [ended(7, 'PAY/api', REGISTERED)],
    });
    const newer = remembered(7, 'OPS/gateway', registered('OPS/gateway'), LATER);
    const merged = applyConcurrentEvents(result, [newer]);
    expect(getOutcomes(merged)).toEqual([[7, 'OPS/gateway', 'registered']]);
    expect(await catalogAfter(merged)).toEqual([target('OPS/gateway')]);
  });
});

describe('a repository that is unknown after the run', () => {
  const before = remembered(7, 'PAY/api', REGISTERED, LAST_RUN);
  const run = (already: KnownRepository) =>
    discovered({ known: [already], repositories: [ended(7, 'PAY/api', UNKNOWN)] });

  it.each(OUTCOMES.map(outcome => [outcome.kind, outcome] as const))(
    'is %s when an event found that before the run checked it',
    (kind, outcome) => {
      const merged = applyConcurrentEvents(run(before), [
        remembered(7, 'PAY/api', outcome, DURING),
      ]);
      expect(getOutcomes(merged)).toEqual([[7, 'PAY/api', kind]]);
    },
  );

  it.each(OUTCOMES.map(outcome => [outcome.kind, outcome] as const))(
    'stays unknown when only the previous run found it %s',
    async (_, outcome) => {
      // Its file is still in the catalog, for instance because its removal is held back.
      const old = {
        ...remembered(7, 'PAY/api', outcome, LAST_RUN),
        files: [file('PAY/api')],
      };
      const result = run(old);
      expect(applyConcurrentEvents(result, [old])).toBe(result);
      expect(await catalogAfter(applyConcurrentEvents(result, [old]))).toEqual([
        target('PAY/api'),
      ]);
    },
  );
});

describe('a repository that the run did not list', () => {
  it('is not gone when a later event left it unknown, or its files are in the catalog', () => {
    const result = discovered({ repositories: [ended(9, 'PAY/web', ABSENT)] });
    const adopted = { ...known(7, 'PAY/api'), revision: LATER };
    expect(applyConcurrentEvents(result, [adopted])).toBe(result);
  });

  it('is added when an event found it during the run', async () => {
    const result = discovered({ repositories: [ended(9, 'PAY/web', ABSENT)] });
    const merged = applyConcurrentEvents(result, [
      remembered(7, 'PAY/api', REGISTERED, DURING),
    ]);
    expect(getOutcomes(merged)).toEqual([
      [9, 'PAY/web', 'absent'],
      [7, 'PAY/api', 'registered'],
    ]);
    expect(await catalogAfter(merged)).toEqual([target('PAY/api')]);
  });

  it('is left out when it was known before the run and no event changed it', () => {
    const old = remembered(7, 'PAY/api', ABSENT, LAST_RUN);
    const result = discovered({ known: [old] });
    expect(applyConcurrentEvents(result, [old])).toBe(result);
  });
});

describe('a repository that is gone', () => {
  const before = remembered(7, 'PAY/api', REGISTERED, LAST_RUN);
  const goneInRun = discovered({ known: [before], gone: [7, 8] });

  it('in the run is restored when an event found it later', async () => {
    const newer = remembered(7, 'PAY/api', REGISTERED, LATER);
    const merged = applyConcurrentEvents(goneInRun, [newer]);
    expect(merged.goneRepositoryIds).toEqual(new Set([8]));
    expect(await catalogAfter(merged)).toEqual([target('PAY/api')]);
    expect(goneInRun.goneRepositoryIds).toEqual(new Set([7, 8]));
  });

  it('in the run stays gone although the previous run had found it', async () => {
    expect(applyConcurrentEvents(goneInRun, [before])).toBe(goneInRun);
    expect(await catalogAfter(applyConcurrentEvents(goneInRun, [before]))).toEqual([]);
  });

  it.each([...OUTCOMES, UNKNOWN].map(outcome => [outcome.kind, outcome] as const))(
    'according to a later event stays gone although it was %s in the run',
    async (_, outcome) => {
      const result = discovered({
        known: [before],
        repositories: [ended(7, 'PAY/api', outcome), ended(9, 'PAY/web', ABSENT)],
      });
      const merged = applyConcurrentEvents(result, [goneSince(7, 'pay/API', LATER)]);
      expect(getOutcomes(merged)).toEqual([[9, 'PAY/web', 'absent']]);
      expect(merged.goneRepositoryIds).toEqual(new Set([7]));
      expect(await catalogAfter(merged)).toEqual([]);
    },
  );

  it('from its old address only has the address at which the run found it', async () => {
    const result = discovered({
      known: [before],
      repositories: [ended(7, 'OPS/api', registered('OPS/api'))],
    });
    const merged = applyConcurrentEvents(result, [goneSince(7, 'PAY/api', LATER)]);
    expect(getOutcomes(merged)).toEqual([[7, 'OPS/api', 'registered']]);
    expect(await catalogAfter(merged)).toEqual([target('OPS/api')]);
  });

  it.each([
    ['before the run checked', DURING],
    ['at an unknown time', undefined],
  ])('%s is as the run found it', (_, at) => {
    const result = discovered({ repositories: [ended(7, 'PAY/api', REGISTERED)] });
    expect(applyConcurrentEvents(result, [known(7, 'PAY/api', [], at)])).toBe(result);
  });
});

describe('a repository known by its address only', () => {
  const placeholder = known(-1, 'PAY/api');
  const run = discovered({
    known: [placeholder, known(-2, 'PAY/web')],
    repositories: [ended(-1, 'PAY/api', UNKNOWN), ended(-2, 'PAY/web', UNKNOWN)],
  });

  it.each([
    ['registered', REGISTERED, [target('PAY/api'), target('PAY/web')]],
    ['absent', ABSENT, [target('PAY/web')]],
  ])(
    'gives way to the one that an event found %s there',
    async (kind, outcome, holds) => {
      const merged = applyConcurrentEvents(run, [
        remembered(7, 'pay/API', outcome, LATER),
      ]);
      expect(getOutcomes(merged)).toEqual([
        [-2, 'PAY/web', 'unknown'],
        [7, 'pay/API', kind],
      ]);
      expect([...merged.known.keys()]).toEqual([-2, 7]);
      expect(await catalogAfter(merged)).toEqual(holds);
    },
  );

  it('is removed when an event found nothing at its address', async () => {
    const merged = applyConcurrentEvents(run, [goneSince(-1, 'PAY/api', LATER)]);
    expect(await catalogAfter(merged)).toEqual([target('PAY/web')]);
  });

  it('stays when an event found another one gone from its address', async () => {
    const gone = { ...known(8, 'PAY/api', [], LATER) };
    const merged = applyConcurrentEvents(run, [gone]);
    expect(getOutcomes(merged)).toEqual(getOutcomes(run));
    expect(merged.goneRepositoryIds).toEqual(new Set([8]));
  });

  it('stays when the event found the other repository at another address', async () => {
    const merged = applyConcurrentEvents(run, [remembered(7, 'OPS/api', ABSENT, LATER)]);
    expect(await catalogAfter(merged)).toEqual([target('PAY/api'), target('PAY/web')]);
  });
});

it('applyConcurrentEvents returns the same result when no event is newer than the run', () => {
  const result = discovered({ repositories: [ended(7, 'PAY/api', REGISTERED)] });
  expect(applyConcurrentEvents(result, [])).toBe(result);
});

it('applyConcurrentEvents keeps the other fields of the result and does not mutate its arguments', () => {
  const result = discovered({
    complete: false,
    repositories: [ended(7, 'PAY/api', ABSENT), ended(9, 'PAY/web', ABSENT)],
    interruption: { kind: 'failed', error: new Error('x') },
  });
  const copy = structuredClone(result);
  const newer = [remembered(7, 'PAY/api', REGISTERED, LATER)];
  const merged = applyConcurrentEvents(result, newer);
  expect(merged.listing).toBe(result.listing);
  expect(merged.interruption).toBe(result.interruption);
  expect(merged.repositories.get(9)).toBe(result.repositories.get(9));
  expect(result).toEqual(copy);
  expect(applyConcurrentEvents(merged, newer)).toBe(merged);
});
