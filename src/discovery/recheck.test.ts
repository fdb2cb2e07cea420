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
import {
  decideCheck,
  lookAtBucketOf,
  planRecheck,
  recheckDueAtMs,
  RecheckPlan,
  recheckRuleOf,
  stateAfterRun,
} from './recheck';
import { KnownRepository } from './types';

const RULE = { foundMs: 6 * HOUR, minFiles: 1 };
const MINUTE = 60_000;
const IDS = Array.from({ length: 1_000 }, (_, index) => index + 1);

const found = (id: number, rest: Partial<KnownRepository> = {}): KnownRepository => {
  const settled = registered('PAY/api');
  return { ...known(id, 'PAY/api', settled.files), settled, ...rest };
};

function plan(
  state: Parameters<typeof planRecheck>[0],
  nowMs: number,
  rest: Partial<Parameters<typeof planRecheck>[1]> = {},
): RecheckPlan {
  const request = { configuration: 'a', rule: RULE, isManual: false, nowMs };
  return planRecheck(state, { ...request, ...rest });
}

const after = (made: RecheckPlan, sinceMs: number) =>
  stateAfterRun(made, { sinceMs, sinceRevision: sinceMs, scope: '' });

/** What is remembered of one run that has looked at everything. */
const looked = (atMs = NOW) => after(plan(undefined, atMs), atMs);

const spell = (paths: readonly string[]) => paths.map(path => file('PAY/api', path));

function isDue(id: number, made: RecheckPlan, one = found(id)) {
  return decideCheck(repository(id, 'PAY/api'), one, made, spell).kind === 'look';
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
        expect(lookAtBucketOf(state, found(id))?.atMs).toBe(lastLook.get(id));
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
    ['was taken over from the catalog', found(1, { settled: undefined }), {}],
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
      found(1, { files: [], settled: { kind: 'absent', reason: 'no-catalog-file' } }),
      {},
    ],
    [
      'was excluded',
      found(1, { files: [], settled: { kind: 'excluded', reason: 'fork' } }),
      {},
    ],
    ['is renamed', found(1), { slug: 'web' }],
    ['is moved', found(1), { projectKey: 'OPS' }],
    ['has the id of another one', found(1, { hierarchyId: 'a' }), { hierarchyId: 'b' }],
    ['is not available', found(1), { state: 'OFFLINE' }],
  ])('is a repository that %s', (_, one, rest) => {
    const made = plan(looked(), NOW);
    const now = repository(1, 'PAY/api', rest);
    expect(decideCheck(repository(1, 'PAY/api'), found(1), made, spell).kind).toBe(
      'believe',
    );
    expect(decideCheck(now, one, made, spell).kind).toBe('look');
  });

  it('is a repository whose file the catalog would be given under another URL', () => {
    const elsewhere = (paths: readonly string[]) =>
      paths.map(path => file('PAY/new', path));
    const made = plan(looked(), NOW);
    const decision = decideCheck(repository(1, 'PAY/api'), found(1), made, elsewhere);
    expect(decision.kind).toBe('look');
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

  it('is, of several plain paths, a repository that lacks one', () => {
    const rule = { ...RULE, minFiles: 2 };
    const both = registered('PAY/api', 'a.yaml', 'b.yaml');
    const made = plan(looked(), NOW, { rule });
    expect(isDue(1, made)).toBe(true);
    expect(isDue(1, made, found(1, { files: both.files, settled: both }))).toBe(false);
  });
});

describe('what may be believed', () => {
  const scopeOf = (paths: readonly string[], rest = {}) => ({
    catalogPaths: paths.map(parseCatalogPath),
    validateLocationsExist: true,
    ...rest,
  });

  it.each<[string, Parameters<typeof recheckRuleOf>[0], number, number | undefined]>([
    ['a plain path', scopeOf(['a.yaml']), HOUR, 1],
    ['several plain paths, where all are found', scopeOf(['a.yaml', 'b.yaml']), HOUR, 2],
    ['no glob', scopeOf(['**/a.yaml']), HOUR, undefined],
    ['no glob beside a plain path', scopeOf(['a.yaml', 'b/*.yaml']), HOUR, undefined],
    [
      'nothing that a parser reads',
      scopeOf(['a.yaml'], { isParsed: true }),
      HOUR,
      undefined,
    ],
    [
      'nothing that nobody checks',
      scopeOf(['a.yaml'], { validateLocationsExist: false }),
      HOUR,
      undefined,
    ],
    ['nothing for no time', scopeOf(['a.yaml']), 0, undefined],
  ])('is %s', (_, scope, foundMs, minFiles) => {
    expect(recheckRuleOf(scope, { foundMs })?.minFiles).toBe(minFiles);
  });
});
