import {
  ABSENT,
  discovered,
  ended,
  EXCLUDED,
  known,
  createState,
  NOW,
  registered,
  UNKNOWN,
} from '../__testUtils__/discoveryData';
import {
  ABSENCE_REASONS,
  EXCLUSION_REASONS,
  RepositoryOutcome,
  UNKNOWN_REASONS,
} from '../model';
import { reconcile } from './reconcile';
import { describeSummary, RunSummary, summarizeRun } from './summarizeRun';
import { DiscoveryResult, SparedBy } from './types';

async function summarize(
  result: DiscoveryResult,
  maxPercentage: number = 100,
): Promise<RunSummary> {
  const policy = { maxPercentage, holdForMs: 1 };
  const state = createState(result.known);
  return summarizeRun(result, await reconcile({ result, state, policy, nowMs: NOW }));
}

const MIXED = discovered({
  known: [known(3, 'PAY/c'), known(5, 'PAY/e'), known(9, 'PAY/i')],
  gone: [9],
  repositories: [
    ended(1, 'PAY/a', registered('PAY/a', 'a.yaml', 'b.yaml')),
    ended(2, 'PAY/b', ABSENT),
    ended(3, 'PAY/c', ABSENT),
    ended(4, 'PAY/d', { kind: 'absent', reason: 'empty-repository' }),
    ended(5, 'PAY/e', UNKNOWN),
    ended(6, 'PAY/f', EXCLUDED),
  ],
});

describe('summarizeRun', () => {
  it('counts outcomes, reasons and Locations', async () => {
    expect(await summarize(MIXED)).toEqual({
      repositories: 6,
      registered: 1,
      excluded: 1,
      absent: 3,
      unknown: 1,
      reasons: {
        registered: {},
        excluded: { archived: 1 },
        absent: { 'no-catalog-file': 2, 'empty-repository': 1 },
        unknown: { 'server-error': 1 },
      },
      locations: 3,
      removed: 2,
      replaced: 0,
      carriedForward: 1,
      heldBack: 0,
    });
  });

  it('counts the repositories that were not checked, by what spared the check', async () => {
    const spared = ([sparedBy, id]: readonly [SparedBy, number]) => ({
      ...ended(id, `PAY/r${id}`, registered(`PAY/r${id}`)),
      sparedBy,
    });
    const by = [
      ['recheck', 1],
      ['read', 2],
      ['search', 3],
      ['search', 4],
    ] as const;
    const summary = await summarize(discovered({ repositories: by.map(spared) }));
    expect(summary.spared).toEqual({ recheck: 1, read: 1, search: 2 });
    expect(describeSummary(summary)).toMatch(
      '1 not asked again, 1 recently read by the catalog, 2 decided by code search',
    );
  });

  it('counts a removal as replaced when the file has another URL now, not when it was lost', async () => {
    const summary = await summarize(
      discovered({
        known: [known(1, 'PAY/a'), known(2, 'PAY/b')],
        repositories: [
          ended(1, 'PAY/new', registered('PAY/new')),
          ended(2, 'PAY/b', ABSENT),
        ],
      }),
    );
    expect(summary).toMatchObject({ removed: 2, replaced: 1 });
    expect(describeSummary(summary)).toMatch(
      '2 removed (1 replaced by the same file under another URL)',
    );
  });

  it.each([
    [
      'says why code search was not used',
      { kind: 'off', reason: 'no index' },
      'no index',
    ],
    ['says nothing about code search that was used', { kind: 'used' }, undefined],
  ] as const)('%s', async (_, search, reason) => {
    expect((await summarize({ ...discovered(), search })).searchOff).toBe(reason);
  });

  it('counts held removals as still in the catalog', async () => {
    expect(await summarize(MIXED, 0)).toMatchObject({
      locations: 5,
      removed: 0,
      heldBack: 2,
    });
  });

  it('counts the previous Locations when no removal is allowed', async () => {
    expect(
      await summarize({ ...MIXED, listing: discovered({ complete: false }).listing }),
    ).toMatchObject({
      locations: 5,
      removed: 0,
      carriedForward: 0,
    });
  });

  it('counts a Location once when it is stored for two repositories', async () => {
    const result = discovered({
      known: [known(1, 'PAY/a'), known(2, 'PAY/a')],
      complete: false,
    });
    expect((await summarize(result)).locations).toBe(1);
  });

  it.each<RepositoryOutcome>([
    ...EXCLUSION_REASONS.map(reason => ({ kind: 'excluded', reason }) as const),
    ...ABSENCE_REASONS.map(reason => ({ kind: 'absent', reason }) as const),
    ...UNKNOWN_REASONS.map(reason => ({ kind: 'unknown', reason, detail: '' }) as const),
  ])('counts $kind for $reason', async outcome => {
    const summary = await summarize(
      discovered({ repositories: [ended(1, 'PAY/a', outcome)] }),
    );
    const reason = outcome.kind === 'registered' ? '' : outcome.reason;
    expect(summary[outcome.kind]).toBe(1);
    expect(summary.reasons[outcome.kind]).toEqual({ [reason]: 1 });
  });
});

describe('describeSummary', () => {
  it.each<[string, DiscoveryResult, number]>([
    [
      '6 repositories: 1 registered, 1 excluded (1 archived), 3 absent (2 no-catalog-file, 1 empty-repository), ' +
        '1 unknown (1 server-error); 3 Locations in the catalog, 2 removed, 1 carried forward',
      MIXED,
      100,
    ],
    [
      '6 repositories: 1 registered, 1 excluded (1 archived), 3 absent (2 no-catalog-file, 1 empty-repository), ' +
        '1 unknown (1 server-error); 5 Locations in the catalog, 1 carried forward, 2 held back',
      MIXED,
      0,
    ],
    ['0 repositories; 0 Locations in the catalog', discovered(), 30],
    [
      '1 repository: 1 registered; 1 Location in the catalog',
      discovered({ repositories: [ended(1, 'PAY/a', registered('PAY/a'))] }),
      30,
    ],
  ])('returns: %s', async (sentence, result, maxPercentage) => {
    expect(describeSummary(await summarize(result, maxPercentage))).toBe(sentence);
  });
});
