import { assessCriteria } from './criteria';
import { Result, scaleResult, summarizeRuns } from './measurement';
import { Cell } from './plan';

const CELL: Cell = { repositories: 2000, latencyMs: 20, validateLocationsExist: true };

const FEW = { total: 9, byKind: {}, rateLimited: 0, perSecond: 1 };

function createRun(total: number, seconds: number, rateLimited = 0): Result {
  const run = {
    kind: 'finished' as const,
    requests: { total, byKind: { 'file-check': total }, rateLimited, perSecond: 5 },
    ...{ seconds, cpuSeconds: 1, serverCpuMs: 0.25, stallMs: 9, stallCpuMs: 9 },
    ...{ peakBytes: 2e8, idleBytes: 1e8, locations: 400 },
  };
  return summarizeRuns([run]);
}

const assess = (
  cell: Partial<Cell>,
  ours = createRun(2003, 5),
  peer = createRun(2482, 50),
): string[] =>
  assessCriteria([{ cell: { ...CELL, ...cell }, ours, peer }]).map(
    ({ about, passed, text }) => `${passed} (${about}): ${text}`,
  );

describe('assessCriteria', () => {
  it('compares the time, and names the best share that the numbers of requests allow', () => {
    expect(assess({})).toEqual([
      'true (count): 2,000 repositories, 20 ms: 2,003 requests (at most 2,007, one per repository, one per page and 5)',
      "true (time): 2,000 repositories, 20 ms: 0.100 of the published module's time (at most 0.1; 0.101 if only latency took time: 2,003 requests, 8 concurrent, compared with 2,482 sequential)",
    ]);
  });

  it.each([
    ['one request too many', createRun(2008, 5), 'false (count)'],
    ['a second too many', createRun(2003, 6), 'false (time)'],
  ])('does not pass with %s', (_, ours, expected) => {
    expect(assess({}, ours)).toContainEqual(expect.stringContaining(expected));
  });

  it('uses the time limit of a published module that was stopped', () => {
    const stopped: Result = { kind: 'stopped', requests: FEW, limitSeconds: 150 };
    expect(assess({}, createRun(2003, 6), stopped)).toContainEqual(
      expect.stringContaining(
        "true (time): 2,000 repositories, 20 ms: 0.040 of the published module's time (at most 0.1)",
      ),
    );
  });

  it('reports the CPU time per request of the simulated server where it has no other load', () => {
    expect(assess({ latencyMs: 0 })).toContain(
      'true (time): 2,000 repositories, 0 ms: 0.25 ms of CPU time of the simulated Bitbucket for a request (at most 0.3)',
    );
    const bucket = { capacity: 60, fillRate: 50, isShown: true };
    expect(assess({ latencyMs: 0, bucket }).join()).not.toContain('CPU time');
  });

  it.each([
    [true, 1, 'false (count)'],
    [true, 0, 'true (count)'],
    [false, 100, 'true (count)'],
    [false, 101, 'false (count)'],
  ])(
    'assesses answers with 429: limit reported: %p, number of answers: %d, verdict: %s',
    (isShown, rateLimited, expected) => {
      const bucket = { capacity: 60, fillRate: 50, isShown };
      expect(assess({ bucket }, createRun(2003, 50, rateLimited))).toContainEqual(
        expect.stringMatching(new RegExp(`^${expected.replace(/[()]/g, '.')}.*with 429`)),
      );
    },
  );

  it('has no verdict about an extrapolated result', () => {
    expect(
      assess({ repositories: 20_000 }, scaleResult(createRun(2003, 5), 2000, 20_000)),
    ).toEqual([]);
  });

  it('fails every criterion of a cell in which this module failed', () => {
    const failed: Result = { kind: 'failed', requests: FEW, error: 'it broke' };
    const verdicts = assess({}, failed);
    expect(verdicts).toHaveLength(2);
    expect(verdicts.every(text => /^false .*: failed: it broke$/.test(text))).toBe(true);
  });
});
