import {
  file,
  HOUR,
  known,
  NOW,
  problem,
  registered,
  repository,
} from '../__testUtils__/discoveryData';
import { parseCatalogPath } from '../filters/catalogPaths';
import { Repository } from '../model';
import { decideCheck, Shown } from './spareChecks';
import {
  getCheckTime,
  planRecheck,
  readLately,
  recheckDueAtMs,
  RecheckPlan,
  toRecheckRule,
  stateAfterRun,
} from './recheck';
import { KnownRepository } from './types';

const RULE = { foundMs: 6 * HOUR, absentMs: 24 * HOUR, minFiles: 1 };
const NOT_SEARCHED: Shown = { paths: [], isCovered: false };
const MINUTE = 60_000;
const IDS = Array.from({ length: 1_000 }, (_, index) => index + 1);

const found = (id: number, rest: Partial<KnownRepository> = {}): KnownRepository => {
  const conclusive = registered('PAY/api');
  return { ...known(id, 'PAY/api', conclusive.files), conclusive, ...rest };
};

function plan(
  state: Parameters<typeof planRecheck>[0],
  nowMs: number,
  rest: Partial<Parameters<typeof planRecheck>[1]> = {},
): RecheckPlan {
  const own = { configuration: 'a', rule: RULE, maySearch: true };
  const request = { ...own, isManual: false, nowMs };
  return planRecheck(state, { ...request, ...rest });
}

const after = (made: RecheckPlan, sinceMs: number) =>
  stateAfterRun(made, { sinceMs, sinceRevision: sinceMs, scope: '' }, true);

/** The stored state after one run that has checked everything. */
const fullyChecked = (atMs = NOW) => after(plan(undefined, atMs), atMs);

const spell = (paths: readonly string[]) => paths.map(path => file('PAY/api', path));

function decide(
  made: RecheckPlan,
  before: KnownRepository | undefined,
  rest: {
    now?: Repository;
    shown?: Shown;
    spell?: typeof spell;
    read?: ReadonlySet<string>;
  } = {},
) {
  const { shown = NOT_SEARCHED } = rest;
  return decideCheck(made, {
    repository: rest.now ?? repository(before?.repositoryId ?? 1, 'PAY/api'),
    known: before,
    shown,
    read: rest.read,
    spell: rest.spell ?? spell,
  });
}

function isDue(id: number, made: RecheckPlan, repository = found(id)) {
  return decide(made, repository).kind === 'check';
}

const findDue = (made: RecheckPlan) => IDS.filter(id => isDue(id, made));

describe('the recheck', () => {
  it('covers nothing for half of the period, and everything before its end', () => {
    const state = fullyChecked();
    expect(findDue(plan(state, NOW))).toEqual([]);
    expect(findDue(plan(state, NOW + 3 * HOUR - 1))).toEqual([]);
    expect(findDue(plan(state, NOW + 6 * HOUR))).toHaveLength(IDS.length);
  });

  it('is spread over the runs: no run has more than its share, and each repository is checked in time', () => {
    let state = fullyChecked();
    const lastChecks = new Map(IDS.map(id => [id, NOW]));
    const share = (IDS.length / 6) * 1.3;
    for (let atMs = NOW; atMs <= NOW + 48 * HOUR; atMs += 30 * MINUTE) {
      const made = plan(state, atMs);
      const due = findDue(made);
      expect(due.length).toBeLessThanOrEqual(share);
      due.forEach(id => lastChecks.set(id, atMs));
      expect(Math.min(...lastChecks.values())).toBeGreaterThan(atMs - 6 * HOUR);
      state = after(made, atMs);
      // Only the time of each check is stored, without a row per repository.
      for (const id of IDS.slice(0, 20)) {
        expect(getCheckTime(state, found(id))?.atMs).toBe(lastChecks.get(id));
      }
    }
  });

  it('checks each repository at most twice in the period', () => {
    let state = fullyChecked();
    let total = 0;
    for (let atMs = NOW; atMs < NOW + 60 * HOUR; atMs += 30 * MINUTE) {
      const made = plan(state, atMs);
      total += findDue(made).length;
      state = after(made, atMs);
    }
    expect(total / IDS.length).toBeLessThanOrEqual(10);
    expect(total / IDS.length).toBeGreaterThanOrEqual(9);
  });

  it.each<[string, Parameters<typeof plan>[2], number]>([
    ['the run is manual', { isManual: true }, NOW],
    ['the configuration has changed', { configuration: 'b' }, NOW],
    ['there is no recheck rule', { rule: undefined }, NOW],
    ['the clock was ahead at the last check', {}, NOW - 1],
    ['the period was shortened', { rule: { ...RULE, foundMs: MINUTE } }, NOW + MINUTE],
  ])('covers everything when %s', (_, rest, nowMs) => {
    expect(findDue(plan(fullyChecked(), nowMs, rest))).toHaveLength(IDS.length);
  });

  it('covers everything when no run has completed yet', () => {
    expect(findDue(plan(undefined, NOW))).toHaveLength(IDS.length);
  });

  it.each([HOUR, 24 * 365 * HOUR])(
    'is not delayed beyond its period by a clock that is %i ms ahead',
    aheadMs => {
      const state = fullyChecked(NOW + aheadMs);
      const due = IDS.map(id => recheckDueAtMs(state, found(id)) ?? 0);
      expect(Math.max(...due)).toBeLessThanOrEqual(NOW + aheadMs + 6 * HOUR);
      expect(findDue(plan(state, NOW + 1))).toHaveLength(IDS.length);
    },
  );

  it.each<[string, string, KnownRepository | undefined, Partial<Repository>?]>([
    ['is new', 'never-checked', undefined],
    [
      'was adopted from the catalog',
      'never-checked',
      found(1, { conclusive: undefined }),
    ],
    ['is unknown', 'in-doubt', found(1, { problem: { reason: 'timeout', detail: '' } })],
    [
      'is part of an interrupted run',
      'in-doubt',
      found(1, { problem: { reason: 'not-checked', detail: '' } }),
    ],
    [
      'has a held removal',
      'in-doubt',
      found(1, { files: [file('PAY/api'), file('PAY/old')] }),
    ],
    ['has lost a file through an approved removal', 'in-doubt', found(1, { files: [] })],
    [
      'has no file',
      'has-no-file',
      found(1, { files: [], conclusive: { kind: 'absent', reason: 'no-catalog-file' } }),
    ],
    [
      'was excluded',
      'changed',
      found(1, { files: [], conclusive: { kind: 'excluded', reason: 'fork' } }),
    ],
    ['is renamed', 'changed', found(1), { slug: 'web' }],
    ['is moved', 'changed', found(1), { projectKey: 'OPS' }],
    [
      'has the id of another repository',
      'changed',
      found(1, { hierarchyId: 'a' }),
      { hierarchyId: 'b' },
    ],
    ['is not available', 'changed', found(1), { state: 'OFFLINE' }],
  ])('includes a repository that %s, because: %s', (_, because, stored, rest = {}) => {
    const made = plan(fullyChecked(), NOW);
    const now = repository(1, 'PAY/api', rest);
    expect(decide(made, found(1)).kind).toBe('spared');
    expect(decide(made, stored, { now })).toEqual({ kind: 'check', because });
  });

  it('says that everything is checked when there is no rule', () => {
    const made = plan(fullyChecked(), NOW, { rule: undefined });
    expect(decide(made, found(1))).toEqual({ kind: 'check', because: 'everything-is' });
  });

  it('includes a repository whose file would get another URL in the catalog', () => {
    const elsewhere = (paths: readonly string[]) =>
      paths.map(path => file('PAY/new', path));
    const made = plan(fullyChecked(), NOW);
    expect(decide(made, found(1), { spell: elsewhere }).kind).toBe('check');
  });

  it('includes a repository with a file that the catalog could not read', () => {
    const made = {
      ...plan(fullyChecked(), NOW),
      unreadable: new Set([file('PAY/api').targetUrl]),
    };
    expect(isDue(1, made)).toBe(true);
    const other = { ...made, unreadable: new Set([file('PAY/web').targetUrl]) };
    expect(isDue(1, other)).toBe(false);
  });

  it('excludes a repository when the catalog has read all of its files in the meantime', () => {
    const both = registered('PAY/api', 'a.yaml', 'b.yaml');
    const repository = found(1, { files: both.files, conclusive: both });
    const [a = '', b = ''] = both.files.map(({ targetUrl }) => targetUrl);
    const made = plan(fullyChecked(), NOW + 6 * HOUR);
    const because = (urls: string[], now = made) =>
      decide(now, repository, { read: new Set(urls) });
    expect(because([a, b])).toMatchObject({ kind: 'spared', by: 'read' });
    expect(because([a])).toEqual({ kind: 'check', because: 'due' });
    const unreadable = { ...made, unreadable: new Set([b]) };
    expect(because([a, b], unreadable)).toEqual({
      kind: 'check',
      because: 'not-readable',
    });
    const gone = found(1, { conclusive: { kind: 'absent', reason: 'no-catalog-file' } });
    const read = new Set(gone.files.map(({ targetUrl }) => targetUrl));
    expect(decide(made, gone, { read })).toEqual({ kind: 'check', because: 'in-doubt' });
  });

  it('accepts reads only within the period, on whichever clock', () => {
    const reads = new Map([
      ['just-now', NOW],
      ['young', NOW - 6 * HOUR + 1],
      ['old', NOW - 6 * HOUR],
      ['ahead', NOW + 1],
    ]);
    expect([...readLately(reads, RULE, NOW)]).toEqual(['just-now', 'young']);
    expect(readLately(reads, { ...RULE, foundMs: 0 }, NOW).size).toBe(0);
  });

  it('includes a repository that lacks one of several plain paths', () => {
    const rule = { ...RULE, minFiles: 2 };
    const both = registered('PAY/api', 'a.yaml', 'b.yaml');
    const made = plan(fullyChecked(), NOW, { rule });
    expect(decide(made, found(1))).toEqual({ kind: 'check', because: 'may-have-more' });
    expect(isDue(1, made, found(1, { files: both.files, conclusive: both }))).toBe(false);
  });
});

describe('the recheck rule', () => {
  const createScope = (paths: readonly string[], rest = {}) => ({
    catalogPaths: paths.map(parseCatalogPath),
    validateLocationsExist: true,
    ...rest,
  });

  it.each<[string, Parameters<typeof toRecheckRule>[0], number | undefined]>([
    ['a plain path', createScope(['a.yaml']), 1],
    ['several plain paths when all are found', createScope(['a.yaml', 'b.yaml']), 2],
    ['no glob', createScope(['**/a.yaml']), Number.MAX_SAFE_INTEGER],
    ['no glob beside a path', createScope(['a', 'b/*.yaml']), Number.MAX_SAFE_INTEGER],
    [
      'nothing when a location parser reads the files',
      createScope(['a'], { isParsed: true }),
      undefined,
    ],
    [
      'nothing when files are not checked',
      createScope(['a'], { validateLocationsExist: false }),
      undefined,
    ],
  ])('covers %s without search', (_, scope, minFiles) => {
    const intervals = { foundMs: HOUR, absentMs: HOUR };
    expect(toRecheckRule(scope, intervals)?.minFiles).toBe(minFiles);
  });

  it('skips nothing for a period of zero', () => {
    const rule = { ...RULE, foundMs: 0 };
    expect(findDue(plan(fullyChecked(), NOW, { rule }))).toHaveLength(IDS.length);
  });
});

describe('the time from which a repository is checked again', () => {
  const absent = { kind: 'absent', reason: 'no-catalog-file' } as const;
  const none = (id: number) => found(id, { files: [], conclusive: absent });

  it('is the time from which a run finds it due', () => {
    const state = fullyChecked();
    for (const id of IDS.slice(0, 40)) {
      const dueAtMs = recheckDueAtMs(state, found(id)) ?? 0;
      expect(dueAtMs).toBeGreaterThan(NOW + 3 * HOUR);
      expect(dueAtMs).toBeLessThanOrEqual(NOW + 6 * HOUR);
      expect(isDue(id, plan(state, dueAtMs - 1))).toBe(false);
      expect(isDue(id, plan(state, dueAtMs))).toBe(true);
    }
  });

  it('follows the longer period when the file is absent', () => {
    const state = fullyChecked();
    for (const id of IDS.slice(0, 200)) {
      const dueAtMs = recheckDueAtMs(state, none(id)) ?? 0;
      expect(dueAtMs).toBeGreaterThan(NOW + 12 * HOUR);
      expect(dueAtMs).toBeLessThanOrEqual(NOW + 24 * HOUR);
    }
  });

  it.each<[string, ReturnType<typeof fullyChecked> | null, KnownRepository]>([
    ['no run has checked it', null, found(1)],
    ['its last check was inconclusive', fullyChecked(), found(1, { problem: problem() })],
    [
      'a filter excludes it',
      fullyChecked(),
      found(1, { files: [], conclusive: { kind: 'excluded', reason: 'fork' } }),
    ],
    ['it has no conclusive outcome', fullyChecked(), found(1, { conclusive: undefined })],
    [
      'absence is not trusted',
      { ...fullyChecked(), rule: { foundMs: HOUR, minFiles: 1 } },
      none(1),
    ],
    [
      'it lacks one of several paths',
      { ...fullyChecked(), rule: { ...RULE, minFiles: 2 } },
      found(1),
    ],
    ['everything is always checked', { ...fullyChecked(), rule: undefined }, found(1)],
    [
      'its bucket was never checked',
      { ...fullyChecked(), found: [], absent: [] },
      found(1),
    ],
    ['absence was never checked', { ...fullyChecked(), found: [], absent: [] }, none(1)],
  ])('is the next run when %s', (_, state, one) => {
    expect(recheckDueAtMs(state, one)).toBeUndefined();
  });
});

describe('the stored times of checks', () => {
  const since = { sinceMs: NOW + 24 * HOUR, sinceRevision: 9, scope: '' };
  const now = { revision: 9, atMs: NOW + 24 * HOUR };
  const old = { revision: NOW, atMs: NOW };
  const isAll = (times: readonly unknown[], time: unknown) =>
    times.length === 64 &&
    times.every(one => JSON.stringify(one) === JSON.stringify(time));

  it('are those of this run for everything that it checked', () => {
    const state = stateAfterRun(plan(fullyChecked(), NOW + 24 * HOUR), since, true);
    expect(isAll(state.found, now) && isAll(state.absent, now)).toBe(true);
  });

  it('stay for everything that was not due', () => {
    const state = stateAfterRun(plan(fullyChecked(), NOW), since, true);
    expect(isAll(state.found, old) && isAll(state.absent, old)).toBe(true);
    expect(state.rule).toEqual(RULE);
  });

  it('are those of this run for all absent files when no search replaced their checks', () => {
    const state = stateAfterRun(plan(fullyChecked(), NOW), since, false);
    expect(isAll(state.found, old) && isAll(state.absent, now)).toBe(true);
    expect(state.rule).toEqual({ foundMs: RULE.foundMs, minFiles: 1 });
  });

  it('are empty for what no run under this configuration has checked', () => {
    const due = { found: new Set<number>(), absent: new Set<number>() };
    const state = stateAfterRun({ ...plan(undefined, NOW), due }, since, true);
    expect(isAll(state.found, null) && isAll(state.absent, null)).toBe(true);
  });

  it('keep the rule of the last run after a manual one, which trusts nothing', () => {
    const manual = plan(fullyChecked(), NOW, { isManual: true });
    expect(stateAfterRun(manual, since, false).rule).toEqual(RULE);
    const first = plan(undefined, NOW, { isManual: true });
    expect(stateAfterRun(first, since, false)).not.toHaveProperty('rule');
  });
});

describe('a search result', () => {
  const FILE = 'catalog-info.yaml';
  const absent = found(1, {
    files: [],
    conclusive: { kind: 'absent', reason: 'no-catalog-file' },
  });
  const covered = (...paths: string[]): Shown => ({ paths, isCovered: true });
  const later = () => plan(fullyChecked(), NOW);
  const first = () => plan(undefined, NOW);
  const noMore = { ...RULE, foundMs: 48 * HOUR, minFiles: 2 };

  it.each<[string, RecheckPlan, KnownRepository | undefined, Shown, string]>([
    [
      'adds a repository that was never checked',
      first(),
      undefined,
      covered(FILE),
      'registered',
    ],
    ['adds it in later runs as well', later(), undefined, covered(FILE), 'registered'],
    [
      'adds an archived repository as well',
      first(),
      undefined,
      { paths: [FILE], isCovered: false },
      'registered',
    ],
    [
      'confirms a repository adopted from the catalog',
      first(),
      found(1, { conclusive: undefined }),
      covered(FILE),
      'registered',
    ],
    [
      'does not replace a file without a check',
      first(),
      found(1, { conclusive: undefined, files: [file('PAY/api', 'b')] }),
      covered(FILE),
      'check',
    ],
    [
      'does not resolve an unknown state',
      first(),
      { ...absent, conclusive: undefined, problem: { reason: 'timeout', detail: '' } },
      covered(FILE),
      'check',
    ],
    [
      'without a hit is accepted in the first run',
      first(),
      undefined,
      covered(),
      'absent',
    ],
    [
      'without a hit is not accepted when search does not cover the repository',
      first(),
      undefined,
      NOT_SEARCHED,
      'check',
    ],
    [
      'without a hit is not accepted for a repository created later',
      later(),
      undefined,
      covered(),
      'check',
    ],
    [
      'without a hit removes nothing',
      first(),
      found(1, { conclusive: undefined }),
      covered(),
      'check',
    ],
    ['without a hit keeps a known file', later(), found(1), covered(), 'registered'],
    [
      'leads to a check when the file was proven absent',
      later(),
      absent,
      covered(FILE),
      'check',
    ],
    ['without a hit confirms an absent repository', later(), absent, covered(), 'absent'],
    [
      'is required to confirm an absent repository',
      later(),
      absent,
      NOT_SEARCHED,
      'check',
    ],
    [
      'with more files than known leads to a check',
      later(),
      found(1),
      covered(FILE, 'b'),
      'check',
    ],
    [
      'without a hit keeps a known file of a glob',
      plan(fullyChecked(), NOW, { rule: { ...RULE, minFiles: 9 } }),
      found(1),
      covered(),
      'registered',
    ],
    [
      'without a hit does not extend the period for absent repositories',
      plan(fullyChecked(), NOW, { rule: noMore }),
      found(1),
      covered(),
      'check',
    ],
  ])('%s', (_, made, repository, shown, outcome) => {
    const decision = decide(made, repository, { shown });
    expect(decision.kind === 'check' ? 'check' : decision.outcome.kind).toBe(outcome);
  });

  it('does not replace the check of absent repositories once per period', () => {
    const isBelieved = (atMs: number) => (id: number) =>
      decide(
        plan(fullyChecked(), atMs),
        { ...absent, repositoryId: id },
        { shown: covered() },
      ).kind === 'spared';
    expect(IDS.every(isBelieved(NOW + 12 * HOUR))).toBe(true);
    expect(IDS.some(isBelieved(NOW + 24 * HOUR))).toBe(false);
  });

  it('is ignored in a manual run', () => {
    const made = plan(fullyChecked(), NOW, { isManual: true });
    expect(decide(made, undefined, { shown: covered(FILE) }).kind).toBe('check');
    expect(decide(made, found(1), { shown: covered(FILE) }).kind).toBe('check');
  });
});
