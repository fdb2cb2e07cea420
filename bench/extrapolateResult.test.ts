import { CellResult, Result, summarizeRuns } from './measurement';
import { Cell } from './plan';
import { extrapolateResult } from './extrapolateResult';

const CELL: Cell = { repositories: 20_000, latencyMs: 20, validateLocationsExist: true };

function createRun(repositories: number): Result {
  const requests = {
    total: repositories,
    byKind: { 'file-check': repositories },
    rateLimited: 0,
    perSecond: 40,
  };
  return summarizeRuns([
    {
      ...{ kind: 'finished', requests, seconds: repositories / 50, cpuSeconds: 1 },
      ...{ serverCpuMs: 0.2, stallMs: 9, stallCpuMs: 9, locations: 1 },
      ...{ peakBytes: 2e8, idleBytes: 1e8 },
    },
  ]);
}

function createResult(cell: Partial<Cell>, ours?: Result): CellResult {
  const repositories = cell.repositories ?? 200;
  const result = ours ?? createRun(repositories);
  return { cell: { ...CELL, ...cell, repositories }, ours: result, peer: result };
}

describe('extrapolateResult', () => {
  it('uses the largest server on which the same situation was run', () => {
    const smaller = [200, 2000].map(repositories => createResult({ repositories }));
    const extrapolated = extrapolateResult(CELL, 'ours', [
      ...smaller,
      createResult({ latencyMs: 100, repositories: 2000 }),
    ]);
    expect(extrapolated).toMatchObject({ kind: 'scaled', from: 2000, requests: 20_000 });
    expect(extrapolated).toMatchObject({ seconds: 2000 / 50 + 18_000 / 40 });
  });

  it('never uses an extrapolated result', () => {
    const small = createResult({ repositories: 200 });
    const scaled = extrapolateResult({ ...CELL, repositories: 2000 }, 'ours', [small]);
    const between = createResult({ repositories: 2000 }, scaled);
    expect(extrapolateResult(CELL, 'ours', [small, between])).toMatchObject({
      from: 200,
    });
  });

  it('fails if the smaller one failed, and with a reason if nothing comparable was run', () => {
    const requests = { total: 9, byKind: {}, rateLimited: 1, perSecond: 1 };
    const failed: Result = { kind: 'failed', requests, error: '429' };
    expect(extrapolateResult(CELL, 'peer', [createResult({}, failed)])).toBe(failed);
    expect(
      extrapolateResult(CELL, 'peer', [createResult({ latencyMs: 0 })]),
    ).toMatchObject({
      error: 'takes too long, and nothing comparable was run',
    });
  });
});
