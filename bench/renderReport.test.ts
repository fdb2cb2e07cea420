import { Result } from './measurement';
import { renderReport } from './renderReport';

const CELL = { repositories: 20_000, latencyMs: 20, validateLocationsExist: true };
const FACTS = {
  ...{ date: '2026-01-31', node: 'v20.1.0', cpus: 2, command: 'npm run bench' },
  minutes: 23.6,
  versions: { ours: '1.0.0', peer: '0.5.15' },
};
const SCALED: Result = {
  kind: 'scaled',
  from: 2000,
  byKind: { 'file-check': 20_000 },
  requests: 20_020,
  rateLimited: 100,
  seconds: 490.5,
  cpuSeconds: 12,
};

const report = renderReport(
  {
    cells: [{ cell: CELL, ours: SCALED, peer: SCALED }],
    backstages: [],
    verdicts: [],
  },
  FACTS,
);

it('the report marks every extrapolated number, and names the smaller server', () => {
  const [row] = report.split('\n').filter(line => line.includes('this module |'));
  const cells = row?.split('|').map(text => text.trim());
  expect(cells?.slice(8, 12)).toEqual(['≈ 20,020', '≈ 100', '≈ 490.5', '≈ 12.0']);
  expect(cells?.slice(12, 16)).toEqual([
    '-',
    '-',
    '-',
    'extrapolated from 2,000 repositories',
  ]);
  expect(report).toContain(
    '- ≈: not run, since it would take too long, but extrapolated',
  );
});

it('the report names the date, the environment and the duration', () => {
  expect(report).toContain(
    '- 2026-01-31, Node.js v20.1.0, 2 CPUs, `npm run bench`, 23.6 min\n',
  );
});
