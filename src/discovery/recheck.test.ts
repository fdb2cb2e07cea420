import {
  file,
  HOUR,
  known,
  NOW,
  registered,
  repository,
} from '../__testUtils__/discoveryData';
import { parseCatalogPath } from '../filters/catalogPaths';
import { Repository } from '../model';
import { decideCheck, Shown } from './decideCheck';
import {
  getBucketLook,
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

/** What is remembered of one run that has looked at everything. */
const looked = (atMs = NOW) => after(plan(undefined, atMs), atMs);

const spell = (paths: readonly string[]) => paths.map(path => file('PAY/api', path));

function decide(
  made: RecheckPlan,
  one: KnownRepository | undefined,
  rest: {
    now?: Repository;
    shown?: Shown;
    spell?: typeof spell;
    read?: ReadonlySet<string>;
  } = {},
) {
  const evidence = {
    repository: rest.now ?? repository(one?.repositoryId ?? 1, 'PAY/api'),
  };
  const { shown = NOT_SEARCHED } = rest;
  return decideCheck(made, {
    ...evidence,
    known: one,
    shown,
    read: rest.read,
    spell: rest.spell ?? spell,
  });
}

function isDue(id: number, made: RecheckPlan, one = found(id)) {
  return decide(made, one).kind === 'look';
}

const dueOf = (made: RecheckPlan) => IDS.filter(id => isDue(id, made));

describe('what is looked at again', () => {
  it('is nothing for half of the time, and everything until it is over', () => {
    const state = looked();
    expect(dueOf(plan(state, NOW))).toEqual([]);
    expect(dueOf(plan(state, NOW + 3 * HOUR - 1))).toEqual([]);
    expect(dueOf(plan(state, NOW + 6 * HOUR))).toHaveLength(IDS.length);
  });

  it('is spread over the runs: none has more than its share, and each has its turn in time', () => {
    let state = looked();
    const lastLook = new Map(IDS.map(id => [id, NOW]));
    const share = (IDS.length / 6) * 1.3;
    for (let atMs = NOW; atMs <= NOW + 48 * HOUR; atMs += 30 * MINUTE) {
      const made = plan(state, atMs);
      const due = dueOf(made);
      expect(due.length).toBeLessThanOrEqual(share);
      due.forEach(id => lastLook.set(id, atMs));
      expect(Math.min(...lastLook.values())).toBeGreaterThan(atMs - 6 * HOUR);
      state = after(made, atMs);
      // What is remembered is when each was looked at, without a row of each.
      for (const id of IDS.slice(0, 20)) {
        expect(getBucketLook(state, found(id))?.atMs).toBe(lastLook.get(id));
      }
    }
  });

  it('is asked for twice in the time at the most', () => {
    let state = looked();
    let total = 0;
    for (let atMs = NOW; atMs < NOW + 60 * HOUR; atMs += 30 * MINUTE) {
      const made = plan(state, atMs);
      total += dueOf(made).length;
      state = after(made, atMs);
    }
    expect(total / IDS.length).toBeLessThanOrEqual(10);
    expect(total / IDS.length).toBeGreaterThanOrEqual(9);
  });

  it.each<[string, Parameters<typeof plan>[2], number]>([
    ['a run is asked for by hand', { isManual: true }, NOW],
    ['something else is looked for', { configuration: 'b' }, NOW],
    ['nothing may be believed', { rule: undefined }, NOW],
    ['the clock was ahead at the last look', {}, NOW - 1],
    ['the time was made shorter', { rule: { ...RULE, foundMs: MINUTE } }, NOW + MINUTE],
  ])('is everything where %s', (_, rest, nowMs) => {
    expect(dueOf(plan(looked(), nowMs, rest))).toHaveLength(IDS.length);
  });

  it('is everything where no run has reached its end yet', () => {
    expect(dueOf(plan(undefined, NOW))).toHaveLength(IDS.length);
  });

  it.each([HOUR, 24 * 365 * HOUR])(
    'is put off by no clock that is %i ms ahead for longer than its time',
    aheadMs => {
      const state = looked(NOW + aheadMs);
      const due = IDS.map(id => recheckDueAtMs(state, found(id)) ?? 0);
      expect(Math.max(...due)).toBeLessThanOrEqual(NOW + aheadMs + 6 * HOUR);
      expect(dueOf(plan(state, NOW + 1))).toHaveLength(IDS.length);
    },
  );

  it.each<[string, KnownRepository | undefined, Partial<Repository>]>([
    ['is new', undefined, {}],
    ['was taken over from the catalog', found(1, { conclusive: undefined }), {}],
    ['is unknown', found(1, { problem: { reason: 'timeout', detail: '' } }), {}],
    [
      'is part of a run that was cut short',
      found(1, { problem: { reason: 'not-checked', detail: '' } }),
      {},
    ],
    [
      'has something held back',
      found(1, { files: [file('PAY/api'), file('PAY/old')] }),
      {},
    ],
    ['has lost what an approval removed', found(1, { files: [] }), {}],
    [
      'has no file',
      found(1, { files: [], conclusive: { kind: 'absent', reason: 'no-catalog-file' } }),
      {},
    ],
    [
      'was excluded',
      found(1, { files: [], conclusive: { kind: 'excluded', reason: 'fork' } }),
      {},
    ],
    ['is renamed', found(1), { slug: 'web' }],
    ['is moved', found(1), { projectKey: 'OPS' }],
    ['has the id of another one', found(1, { hierarchyId: 'a' }), { hierarchyId: 'b' }],
    ['is not available', found(1), { state: 'OFFLINE' }],
  ])('is a repository that %s', (_, one, rest) => {
    const made = plan(looked(), NOW);
    const now = repository(1, 'PAY/api', rest);
    expect(decide(made, found(1)).kind).toBe('spared');
    expect(decide(made, one, { now }).kind).toBe('look');
  });

  it('is a repository whose file the catalog would be given under another URL', () => {
    const elsewhere = (paths: readonly string[]) =>
      paths.map(path => file('PAY/new', path));
    const made = plan(looked(), NOW);
    expect(decide(made, found(1), { spell: elsewhere }).kind).toBe('look');
  });

  it('is a repository with a file that the catalog could not read', () => {
    const made = {
      ...plan(looked(), NOW),
      unreadable: new Set([file('PAY/api').targetUrl]),
    };
    expect(isDue(1, made)).toBe(true);
    const other = { ...made, unreadable: new Set([file('PAY/web').targetUrl]) };
    expect(isDue(1, other)).toBe(false);
  });

  it('is none of which the catalog has read every file in the meantime', () => {
    const both = registered('PAY/api', 'a.yaml', 'b.yaml');
    const one = found(1, { files: both.files, conclusive: both });
    const [a = '', b = ''] = both.files.map(({ targetUrl }) => targetUrl);
    const made = plan(looked(), NOW + 6 * HOUR);
    const because = (urls: string[], now = made) =>
      decide(now, one, { read: new Set(urls) });
    expect(because([a, b])).toMatchObject({ kind: 'spared', by: 'read' });
    expect(because([a])).toEqual({ kind: 'look', because: 'due' });
    const unreadable = { ...made, unreadable: new Set([b]) };
    expect(because([a, b], unreadable)).toEqual({
      kind: 'look',
      because: 'not-readable',
    });
    const gone = found(1, { conclusive: { kind: 'absent', reason: 'no-catalog-file' } });
    const read = new Set(gone.files.map(({ targetUrl }) => targetUrl));
    expect(decide(made, gone, { read })).toEqual({ kind: 'look', because: 'in-doubt' });
  });

  it('is told by reads as young as what is believed, on whichever clock', () => {
    const reads = new Map([
      ['just-now', NOW],
      ['young', NOW - 6 * HOUR + 1],
      ['old', NOW - 6 * HOUR],
      ['ahead', NOW + 1],
    ]);
    expect([...readLately(reads, RULE, NOW)]).toEqual(['just-now', 'young']);
    expect(readLately(reads, { ...RULE, foundMs: 0 }, NOW).size).toBe(0);
  });

  it('is, of several plain paths, a repository that lacks one', () => {
    const rule = { ...RULE, minFiles: 2 };
    const both = registered('PAY/api', 'a.yaml', 'b.yaml');
    const made = plan(looked(), NOW, { rule });
    expect(isDue(1, made)).toBe(true);
    expect(isDue(1, made, found(1, { files: both.files, conclusive: both }))).toBe(false);
  });
});

describe('what may be believed', () => {
  const scopeOf = (paths: readonly string[], rest = {}) => ({
    catalogPaths: paths.map(parseCatalogPath),
    validateLocationsExist: true,
    ...rest,
  });

  it.each<[string, Parameters<typeof toRecheckRule>[0], number | undefined]>([
    ['a plain path', scopeOf(['a.yaml']), 1],
    ['several plain paths, where all are found', scopeOf(['a.yaml', 'b.yaml']), 2],
    ['no glob', scopeOf(['**/a.yaml']), Number.MAX_SAFE_INTEGER],
    ['no glob beside a path', scopeOf(['a', 'b/*.yaml']), Number.MAX_SAFE_INTEGER],
    ['nothing that a parser reads', scopeOf(['a'], { isParsed: true }), undefined],
    [
      'nothing that nobody checks',
      scopeOf(['a'], { validateLocationsExist: false }),
      undefined,
    ],
  ])('is without search %s', (_, scope, minFiles) => {
    const intervals = { foundMs: HOUR, absentMs: HOUR };
    expect(toRecheckRule(scope, intervals)?.minFiles).toBe(minFiles);
  });

  it('is nothing for no time', () => {
    const rule = { ...RULE, foundMs: 0 };
    expect(dueOf(plan(looked(), NOW, { rule }))).toHaveLength(IDS.length);
  });
});

describe('what code search shows', () => {
  const FILE = 'catalog-info.yaml';
  const absent = found(1, {
    files: [],
    conclusive: { kind: 'absent', reason: 'no-catalog-file' },
  });
  const covered = (...paths: string[]): Shown => ({ paths, isCovered: true });
  const later = () => plan(looked(), NOW);
  const first = () => plan(undefined, NOW);
  const noMore = { ...RULE, foundMs: 48 * HOUR, minFiles: 2 };

  it.each<[string, RecheckPlan, KnownRepository | undefined, Shown, string]>([
    ['adds what was never looked at', first(), undefined, covered(FILE), 'registered'],
    ['adds it in later runs too', later(), undefined, covered(FILE), 'registered'],
    [
      'of an archived one too',
      first(),
      undefined,
      { paths: [FILE], isCovered: false },
      'registered',
    ],
    [
      'confirms what was taken over',
      first(),
      found(1, { conclusive: undefined }),
      covered(FILE),
      'registered',
    ],
    [
      'replaces nothing by itself',
      first(),
      found(1, { conclusive: undefined, files: [file('PAY/api', 'b')] }),
      covered(FILE),
      'look',
    ],
    [
      'settles no doubt',
      first(),
      { ...absent, conclusive: undefined, problem: { reason: 'timeout', detail: '' } },
      covered(FILE),
      'look',
    ],
    ['not, is believed in the first run', first(), undefined, covered(), 'absent'],
    ['not, is not where search leaves it out', first(), undefined, NOT_SEARCHED, 'look'],
    ['not, is not of what came later', later(), undefined, covered(), 'look'],
    [
      'not, takes nothing away',
      first(),
      found(1, { conclusive: undefined }),
      covered(),
      'look',
    ],
    ['not, and is known: believed', later(), found(1), covered(), 'registered'],
    ['is looked at where it was proven absent', later(), absent, covered(FILE), 'look'],
    ['not, of what is absent: believed', later(), absent, covered(), 'absent'],
    ['not, without search: looked at', later(), absent, NOT_SEARCHED, 'look'],
    ['more of than is known: looked at', later(), found(1), covered(FILE, 'b'), 'look'],
    [
      'not, of a glob: believed',
      plan(looked(), NOW, { rule: { ...RULE, minFiles: 9 } }),
      found(1),
      covered(),
      'registered',
    ],
    [
      'not, longer than absence is believed',
      plan(looked(), NOW, { rule: noMore }),
      found(1),
      covered(),
      'look',
    ],
  ])('%s', (_, made, one, shown, outcome) => {
    const decision = decide(made, one, { shown });
    expect(decision.kind === 'look' ? 'look' : decision.outcome.kind).toBe(outcome);
  });

  it('is no reason not to look at what is absent once in its time', () => {
    const isBelieved = (atMs: number) => (id: number) =>
      decide(plan(looked(), atMs), { ...absent, repositoryId: id }, { shown: covered() })
        .kind === 'spared';
    expect(IDS.every(isBelieved(NOW + 12 * HOUR))).toBe(true);
    expect(IDS.some(isBelieved(NOW + 24 * HOUR))).toBe(false);
  });

  it('counts for nothing in a run that is asked for by hand', () => {
    const made = plan(looked(), NOW, { isManual: true });
    expect(decide(made, undefined, { shown: covered(FILE) }).kind).toBe('look');
    expect(decide(made, found(1), { shown: covered(FILE) }).kind).toBe('look');
  });
});
