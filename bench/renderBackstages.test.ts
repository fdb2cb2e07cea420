import { BackstageCounts, BackstageResult, BackstageSetting } from './backstages';
import { assessBackstages } from './criteria';
import { renderBackstages } from './renderBackstages';

const PUBLISHED: BackstageSetting = {
  subject: 'peer',
  hasSearch: false,
  hasWebhooks: false,
  runEveryMinutes: 30,
};
const RECOMMENDED: BackstageSetting = {
  subject: 'ours',
  hasSearch: true,
  hasWebhooks: true,
  maxAgeMinutes: 1440,
  runEveryMinutes: 30,
  isRecommended: true,
};

const finished = (
  setting: BackstageSetting,
  counts: Partial<BackstageCounts>,
): BackstageResult => ({
  setting,
  run: { kind: 'finished', counts: { byKind: {}, reads: 0, runs: 2, ...counts } },
});
/** 40,000 requests per hour, of which 30,000 are reads. */
const peer = finished(PUBLISHED, { byKind: { raw: 1000 }, reads: 750 });
/** As many requests for single repositories per day as given. */
const ours = (asked: number, runs = 48) =>
  finished(RECOMMENDED, {
    byKind: { raw: 120, 'file-check': asked - 120 },
    reads: 120,
    runs,
  });
const failed: BackstageResult = {
  setting: PUBLISHED,
  run: { kind: 'failed', error: 'it did not start' },
};

describe('assessBackstages', () => {
  it.each<[string, BackstageResult[], boolean | 'not measured', string]>([
    ['exactly the share that is allowed', [peer, ours(1200)], true, '0.050'],
    ['more than that', [peer, ours(1201)], false, '0.050'],
    ['what is compared with nothing', [ours(1200)], 'not measured', 'no known share'],
    ['what is compared with a failure', [failed, ours(1)], 'not measured', 'no known'],
    ['a schedule that was not kept', [peer, ours(1, 40)], 'not measured', '0.000'],
  ])('judges %s', (_, results, passed, text) => {
    const verdicts = assessBackstages(results);
    expect(verdicts).toEqual([
      { about: 'count', passed, text: expect.stringContaining(text) },
    ]);
  });

  it('assesses only recommended settings', () => {
    const other = { ...ours(9999), setting: { ...RECOMMENDED, isRecommended: false } };
    expect(assessBackstages([peer, other])).toEqual([]);
  });

  it('fails if a recommended one did not run', () => {
    const [verdict] = assessBackstages([peer, { ...failed, setting: RECOMMENDED }]);
    expect(verdict).toMatchObject({ passed: false });
    expect(verdict?.text).toContain('it did not start');
  });
});

describe('renderBackstages', () => {
  const getRows = (results: BackstageResult[]) =>
    renderBackstages(results)
      .split('\n')
      .filter(line => line.startsWith('|'))
      .map(line =>
        line
          .split('|')
          .map(cell => cell.trim())
          .slice(6, -1),
      );

  it('shows the extrapolated and the measured requests', () => {
    expect(getRows([peer, ours(1200)])).toEqual([
      expect.any(Array),
      expect.any(Array),
      ['40,000', '30,000 (75 %)', '1.000'],
      ['2,000', '200 (10 %)', '0.050'],
      expect.any(Array),
      expect.any(Array),
      ['72 s', '1', '2', '750 reads, 250 raw by discovery'],
      ['4 s', '24', '48', '1,080 file-check, 120 reads'],
    ]);
  });

  it('marks missing runs, and shows the error of a failed one', () => {
    expect(getRows([peer, ours(600, 40)])[3]).toEqual([
      '1,000, runs missing',
      '200 (20 %)',
      '-',
    ]);
    expect(getRows([failed])).toContainEqual(['72 s', '1', '-', 'it did not start']);
  });
});
