/** Compares the README with the results of the last full run in `RESULTS.md`. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const read = (file: string) => readFileSync(join(__dirname, '..', file), 'utf8');
const README = read('README.md').replace(/\s+/g, ' ');
const RESULTS = read('bench/RESULTS.md');

/** Returns the rows of the first table, by the headings of their columns. */
function getRows(markdown: string): Record<string, string>[] {
  const toCells = (line: string) =>
    line
      .split('|')
      .slice(1, -1)
      .map(text => text.trim());
  const [header = '', , ...lines] =
    /^\|[^]*?\n\n/m.exec(markdown)?.[0].trim().split('\n') ?? [];
  return lines.map(line => {
    const cells = toCells(line);
    return Object.fromEntries(toCells(header).map((name, at) => [name, cells[at] ?? '']));
  });
}

/** Returns the rounded seconds of a first run that checks files, without a rate limit. */
function getSeconds(module: string): number {
  const [row] = getRows(RESULTS).filter(
    one =>
      one.repositories === '2,000' &&
      one.latency === '20 ms' &&
      one.bucket === '-' &&
      one['files checked'] === 'yes' &&
      one['code search'] !== 'yes' &&
      one.run !== 'second' &&
      one.module === module,
  );
  return Math.round(Number.parseFloat(row?.seconds ?? ''));
}

it('the README names the seconds of both modules', () => {
  const [, ours, peer] =
    /2,000 repositories and 20 ms per answer, a run took (\d+) seconds, and (\d+) with the published module/.exec(
      README,
    ) ?? [];
  expect([Number(ours), Number(peer)]).toEqual([
    getSeconds('this module'),
    getSeconds('published'),
  ]);
});

it('the README and the results show the plot of a full run, once there is one', () => {
  const isThere = existsSync(join(__dirname, 'results.svg'));
  expect(README.includes('](bench/results.svg)')).toBe(isThere);
  expect(RESULTS.includes('](results.svg)')).toBe(isThere);
});
