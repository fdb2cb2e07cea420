import { CellResult, Result } from './measurement';
import { renderPlot } from './renderPlot';

const CELL = { repositories: 200, latencyMs: 20, validateLocationsExist: true };
const BUCKET = { capacity: 60, fillRate: 5, isShown: true };
const scaled = (seconds: number): Result => ({
  kind: 'scaled',
  from: 200,
  byKind: {},
  requests: 1,
  rateLimited: 0,
  seconds,
  cpuSeconds: 1,
});
const failed: Result = {
  kind: 'failed',
  requests: { total: 1, byKind: {}, rateLimited: 1, perSecond: 1 },
  error: '<script>',
};

function plot(...results: Partial<CellResult>[]): string {
  return renderPlot(
    results.map(result => ({ cell: CELL, ours: scaled(1), peer: scaled(2), ...result })),
  );
}

it('the plot draws a bar in proportion to the longest of its panel', () => {
  const widths = [...plot({}).matchAll(/width="([\d.]+)" height="10"/g)].map(
    ([, width]) => Number(width),
  );
  expect(widths).toEqual([270, 540]);
});

it('the plot marks extrapolated runs and failed ones', () => {
  const svg = plot({ peer: failed });
  expect(svg).toContain('≈ 1.00 s');
  expect(svg).toContain('>fails<');
  expect(svg).not.toContain('script');
});

it('the plot names the rate limit of a row', () => {
  expect(plot({ cell: { ...CELL, bucket: BUCKET } })).toContain('>60 + 5/s<');
  expect(plot({})).toContain('>no limit<');
});

it('the plot has a panel for each number of repositories, and omits cells that cannot be compared', () => {
  const svg = plot(
    {},
    { cell: { ...CELL, repositories: 2000 } },
    { cell: { ...CELL, repositories: 7, hasSearch: true } },
    { cell: { ...CELL, repositories: 8, latencyMs: 0 } },
    { cell: { ...CELL, repositories: 9, bucket: { ...BUCKET, isShown: false } } },
  );
  expect(svg.match(/repositories</g)).toHaveLength(2);
});

it('the plot refers to no other file', () => {
  expect(plot({}).replace('http://www.w3.org/2000/svg', '')).not.toMatch(
    /https?:|href|script/,
  );
});
