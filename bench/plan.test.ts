import { describeCell } from './describe';
import { Cell, estimateSeconds, isMeasured, planFor, repeatsOf } from './plan';

const cells = planFor('full').groups.flat();
const CELL: Cell = { repositories: 2000, latencyMs: 20, validateLocationsExist: true };

describe('the full plan', () => {
  it('crosses sizes, latencies and limits, each once', () => {
    const cold = cells.filter(
      one =>
        one.validateLocationsExist &&
        !one.disturbance &&
        !one.hasSearch &&
        !one.isUnchanged,
    );
    expect(cold).toHaveLength(3 * 3 * 5);
    expect(new Set(cells.map(describeCell)).size).toBe(cells.length);
  });

  it('takes less than 25 minutes, by its own estimate', () => {
    const seconds = planFor('full').groups.map(group =>
      Math.max(
        ...group.map(cell =>
          (['ours', 'peer'] as const)
            .filter(subject => isMeasured(cell, subject))
            .map(
              subject => (estimateSeconds(cell, subject) + 3) * repeatsOf(cell, subject),
            )
            .reduce((sum, one) => sum + one, 0),
        ),
      ),
    );
    expect(seconds.reduce((sum, one) => sum + one, 0)).toBeLessThan(25 * 60);
  });

  it('runs on a small server whatever it reckons for a larger one', () => {
    for (const { bucket, latencyMs, ...cell } of cells.filter(
      one => !isMeasured(one, 'ours'),
    )) {
      const smaller = { ...cell, bucket, latencyMs, repositories: 200 };
      expect(isMeasured(smaller, 'ours')).toBe(true);
    }
  });
});

describe('repeatsOf', () => {
  it.each([
    ['a short run thrice', { ...CELL, repositories: 200 }, 3],
    ['a longer one twice', { ...CELL, latencyMs: 40 }, 2],
    ['a long one once', { ...CELL, latencyMs: 100 }, 1],
    ['as often as the cell says', { ...CELL, repeats: 7 }, 7],
  ])('measures %s', (_, cell, repeats) => {
    expect(repeatsOf(cell, 'ours')).toBe(repeats);
  });
});
