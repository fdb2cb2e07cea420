import { Measurement, getPace, scaleResult, summarizeRuns } from './measurement';

const RUN = {
  kind: 'finished',
  requests: {
    total: 203,
    byKind: { 'file-check': 200, repositories: 1, 'rate-limit-settings': 2 },
    rateLimited: 1,
    perSecond: 4,
  },
  seconds: 40,
  cpuSeconds: 1,
  serverCpuMs: 0.2,
  peakBytes: 2e8,
  idleBytes: 1e8,
  locations: 40,
  stallMs: 30,
  stallCpuMs: 20,
} as const satisfies Measurement;

describe('summarizeRuns', () => {
  it('returns the median and the range of the runs', () => {
    const runs = [40, 60, 42].map(seconds => ({ ...RUN, seconds }));
    expect(summarizeRuns(runs)).toMatchObject({
      kind: 'finished',
      runs: 3,
      seconds: { median: 42, min: 40, max: 60 },
      rateLimited: { median: 1, min: 1, max: 1 },
    });
  });

  it('returns the failed run, whatever the results of the others', () => {
    const failed = { kind: 'failed', requests: RUN.requests, error: 'no' } as const;
    expect(summarizeRuns([RUN, failed, RUN])).toBe(failed);
  });

  it('fails without a run', () => {
    expect(summarizeRuns([])).toMatchObject({ kind: 'failed' });
  });
});

describe('paceOf', () => {
  it('leaves out the first half, in which a full bucket helps', () => {
    expect(getPace([0, 1, 2, 3, 1000, 1500, 2000])).toBe(3 / 1.997);
  });

  it.each([[[]], [[5]], [[5, 5]], [[5, 5, 5]]])('is unlimited for %j', times => {
    expect(getPace(times)).toBe(Infinity);
  });
});

describe('scaleResult', () => {
  const measured = summarizeRuns([RUN]);

  it('counts requests per repository, per page, or once, depending on their kind', () => {
    expect(scaleResult(measured, 200, 20_000)).toMatchObject({
      kind: 'scaled',
      from: 200,
      byKind: { 'file-check': 20_000, repositories: 20, 'rate-limit-settings': 2 },
      requests: 20_022,
      rateLimited: 100,
      cpuSeconds: 100,
    });
  });

  it('assumes the pace of the second half for the additional requests', () => {
    const seconds = 40 + (20_022 - 203) / 4;
    expect(scaleResult(measured, 200, 20_000)).toMatchObject({ seconds });
  });

  it('fails if the smaller one failed', () => {
    const failed = { kind: 'failed', requests: RUN.requests, error: 'no' } as const;
    expect(scaleResult(failed, 200, 2000)).toBe(failed);
  });
});
