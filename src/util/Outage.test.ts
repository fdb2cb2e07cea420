/** When an outage is reported. */

import { FakeClock } from '../__testUtils__/FakeClock';
import { CALM_MS, Outage } from './Outage';

type Step = 'fails' | 'succeeds' | number;

/** Performs attempts, and waits of so many milliseconds; returns what was reported. */
async function getReports(...steps: readonly Step[]): Promise<string[]> {
  const clock = new FakeClock();
  const reports: string[] = [];
  const outage = new Outage({
    clock,
    onBegin: error => reports.push(`begins: ${error}`),
    onEnd: () => reports.push('ends'),
  });
  for (const [index, step] of steps.entries()) {
    if (step === 'fails') outage.failed(`error ${index}`);
    else if (step === 'succeeds') outage.succeeded();
    else await clock.advance(step);
  }
  return reports;
}

describe('an outage', () => {
  it.each<[string, Step[], string[]]>([
    ['never without a failure', ['succeeds', CALM_MS, 'succeeds'], []],
    ['at its first failure', ['succeeds', 'fails'], ['begins: error 1']],
    [
      'once, however many attempts fail and however long it takes',
      ['fails', CALM_MS, 'fails', CALM_MS, 'fails'],
      ['begins: error 0'],
    ],
    [
      'once, although some attempts succeed meanwhile',
      ['fails', 'succeeds', CALM_MS - 1, 'succeeds', 'fails', CALM_MS - 1, 'succeeds'],
      ['begins: error 0'],
    ],
    [
      'again at its end, after a time without a failure',
      ['fails', 'fails', CALM_MS, 'succeeds', 'succeeds'],
      ['begins: error 0', 'ends'],
    ],
    [
      'anew if it comes again after that',
      ['fails', CALM_MS, 'succeeds', 'fails', CALM_MS, 'succeeds'],
      ['begins: error 0', 'ends', 'begins: error 3', 'ends'],
    ],
  ])('is reported %s', async (_, steps, reports) => {
    expect(await getReports(...steps)).toEqual(reports);
  });
});
