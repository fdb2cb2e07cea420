import { describeCell } from './describe';
import { BACKSTAGES, getCompression, toRealSeconds } from './backstages';
import { SUBJECTS } from './measurement';
import {
  Cell,
  estimateSeconds,
  isMeasured,
  isMeasuredAtScale,
  getPhases,
  planFor,
  getRepeats,
  SCALE_SIZES,
  scaleCells,
} from './plan';

/** A process, until it has loaded its code. */
const START_SECONDS = 3;
/** A whole Backstage until everything is in its catalog, two at a time. */
const BACKSTAGE_START_SECONDS = 10;
/** Statistics of PostgreSQL come late, and twice in a cell. */
const STATISTICS_SECONDS = 22;
/** To make so many repositories takes a second. */
const MADE_PER_SECOND = 20_000;

const cells = planFor('full').groups.flat();
const CELL: Cell = { repositories: 2000, latencyMs: 20, validateLocationsExist: true };

const total = (numbers: readonly number[]) =>
  numbers.reduce((sum, number) => sum + number, 0);

describe('the full plan', () => {
  it('crosses sizes, latencies and limits, each once', () => {
    const cold = cells.filter(
      cell =>
        cell.validateLocationsExist &&
        !cell.disturbance &&
        !cell.hasSearch &&
        !cell.isUnchanged,
    );
    expect(cold).toHaveLength(3 * 3 * 5);
    expect(new Set(cells.map(describeCell)).size).toBe(cells.length);
  });

  it('takes less than 25 minutes, as estimated', () => {
    const groups = planFor('full').groups.map(group =>
      Math.max(
        ...group.map(cell => {
          const subjects = SUBJECTS.filter(subject => isMeasured(cell, subject));
          const seconds = subjects.map(
            subject =>
              (estimateSeconds(cell, subject) + START_SECONDS) *
              getRepeats(cell, subject),
          );
          return total(seconds);
        }),
      ),
    );
    const counting = BACKSTAGES.map(setting => {
      const compression = getCompression(setting);
      return toRealSeconds(compression.warmUpHours + compression.hours, compression);
    });
    const backstages =
      (BACKSTAGES.length / 2) * BACKSTAGE_START_SECONDS + Math.max(...counting);
    const scale = SCALE_SIZES.flatMap(size =>
      [...scaleCells(size, 'SQLite'), ...scaleCells(size, 'PostgreSQL')].flatMap(cell =>
        SUBJECTS.filter(subject => isMeasuredAtScale(cell, subject)).map(
          subject =>
            START_SECONDS +
            size / MADE_PER_SECOND +
            estimateSeconds(cell, subject) * getPhases(cell).length +
            (cell.database === 'PostgreSQL' ? STATISTICS_SECONDS : 0),
        ),
      ),
    );
    expect(total(groups) + backstages + total(scale)).toBeLessThan(25 * 60);
  });

  it('runs each cell that it extrapolates on a smaller server', () => {
    for (const { bucket, latencyMs, ...cell } of cells.filter(
      large => !isMeasured(large, 'ours'),
    )) {
      const smaller = { ...cell, bucket, latencyMs, repositories: 200 };
      expect(isMeasured(smaller, 'ours')).toBe(true);
    }
  });
});

describe('isMeasuredAtScale', () => {
  it('runs the published module once per size, unless that takes minutes', () => {
    const measured = SCALE_SIZES.flatMap(size =>
      [...scaleCells(size, 'SQLite'), ...scaleCells(size, 'PostgreSQL')].filter(cell =>
        isMeasuredAtScale(cell, 'peer'),
      ),
    );
    expect(measured.map(cell => [cell.repositories, cell.database])).toEqual([
      [10_000, 'SQLite'],
    ]);
  });
});

describe('repeatsOf', () => {
  it.each([
    ['a short run thrice', { ...CELL, repositories: 200 }, 3],
    ['a longer one twice', { ...CELL, latencyMs: 40 }, 2],
    ['a long one once', { ...CELL, latencyMs: 100 }, 1],
    ['as often as the cell says', { ...CELL, repeats: 7 }, 7],
  ])('measures %s', (_, cell, repeats) => {
    expect(getRepeats(cell, 'ours')).toBe(repeats);
  });
});
