/** Describes cells and results in words. Pure. */

import { Result, Subject } from './measurement';
import { Bucket, Cell, Disturbance, expectedLocations } from './plan';
import { Spread } from './statistics';

/** The names of the modules in tables. */
export const SUBJECT_NAMES: Readonly<Record<Subject, string>> = {
  ours: 'this module',
  peer: 'published',
};

const DISTURBANCE_NAMES: Readonly<Record<Disturbance, string>> = {
  'empty-repository': 'one empty repository',
  '429-on-listing': 'one 429 on a listing',
  '429-on-file': 'one 429 on a catalog file',
};

/** `2,000 repositories, 20 ms, bucket 60 + 30/s` */
export function describeCell(cell: Cell): string {
  return [
    `${formatCount(cell.repositories)} repositories`,
    `${cell.latencyMs} ms`,
    ...(cell.bucket ? [`bucket ${describeBucket(cell.bucket)}`] : []),
    ...(cell.validateLocationsExist ? [] : ['validateLocationsExist: false']),
    ...(cell.hasSearch ? ['code search'] : []),
    ...(cell.isUnchanged ? ['nothing changed'] : []),
    ...(cell.disturbance ? [describeDisturbance(cell.disturbance)] : []),
  ].join(', ');
}

/** Capacity and refill: `60 + 30/s`; a dash without a bucket. */
export function describeBucket(bucket: Bucket | undefined): string {
  return bucket
    ? `${bucket.capacity} + ${bucket.fillRate}/s, ${bucket.isShown ? 'limit shown' : 'limit hidden'}`
    : '-';
}

/** The disturbance in a few words. */
export function describeDisturbance(disturbance: Disturbance): string {
  return DISTURBANCE_NAMES[disturbance];
}

/** The result: the number of Locations in the catalog, or why there are none. */
export function describeEnd(result: Result, cell: Cell): string {
  switch (result.kind) {
    case 'failed':
      return `failed after ${toPlural(result.requests.total, 'request')}: ${result.error}`;
    case 'scaled':
      return `extrapolated from ${formatCount(result.from)} repositories`;
    case 'stopped':
      return `> ${result.limitSeconds} s, stopped after ${toPlural(result.requests.total, 'request')}`;
    default: {
      const expected = expectedLocations(cell);
      const missing = expected - result.locations.min;
      const end = `${formatSpread(result.locations)} of ${formatCount(expected)}`;
      return missing > 0 ? `${end}: ${formatCount(missing)} lost` : end;
    }
  }
}

/** `1 request`, `2,000 requests` */
function toPlural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** `2,000` */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** The median, with minimum and maximum if they differ. */
export function formatSpread(spread: Spread, format = formatCount): string {
  const [middle, least, most] = [spread.median, spread.min, spread.max].map(format);
  return least === most ? `${middle}` : `${middle} (${least}–${most})`;
}

/** `4.37`, `43.7` */
export function formatSeconds(seconds: number): string {
  return seconds.toFixed(seconds < 10 ? 2 : 1);
}

/** `97` */
export function formatMegabytes(bytes: number): string {
  return formatCount(bytes / 1024 ** 2);
}
