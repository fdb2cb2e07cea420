/**
 * Complete Backstage installations in steady state: which ones are compared, and how a small one
 * with compressed time represents a real one. Pure.
 */

import { JsonObject } from '@backstage/types';
import { getGrowth, Subject } from './measurement';
import { FILE_EVERY } from './plan';

/** The installation that the results are about; each push goes to the default branch of another repository. */
export const REAL = { repositories: 5000, pushesPerHour: 200 };

/** The size of the installation that is measured. */
export const MODEL_REPOSITORIES = 125;

/** One installation: its module, the URL reader that belongs to it, and their configuration. */
export interface BackstageSetting {
  readonly subject: Subject;
  /** Bitbucket offers code search. */
  readonly hasSearch: boolean;
  readonly hasWebhooks: boolean;
  /** `maxAge` of this package's URL reader; the built-in reader has no such setting. */
  readonly maxAgeMinutes?: number;
  readonly runEveryMinutes: number;
  /** Whether the documentation recommends it; the criterion applies only to such settings. */
  readonly isRecommended?: boolean;
}

const HOUR = 60;
const DAY = 24 * HOUR;
const AS_IT_COMES = { subject: 'ours', maxAgeMinutes: 15, runEveryMinutes: 30 } as const;
const PATIENT = { ...AS_IT_COMES, hasWebhooks: true, maxAgeMinutes: DAY } as const;

/** The first one, the published module with the built-in reader, is the baseline for the others. */
export const BACKSTAGES: readonly BackstageSetting[] = [
  { subject: 'peer', hasSearch: false, hasWebhooks: false, runEveryMinutes: 30 },
  { ...AS_IT_COMES, hasSearch: false, hasWebhooks: false },
  { ...AS_IT_COMES, hasSearch: true, hasWebhooks: false },
  { ...AS_IT_COMES, hasSearch: false, hasWebhooks: true },
  { ...AS_IT_COMES, hasSearch: true, hasWebhooks: true },
  { ...PATIENT, hasSearch: false },
  { ...PATIENT, hasSearch: false, runEveryMinutes: 6 * HOUR, isRecommended: true },
  { ...PATIENT, hasSearch: true, isRecommended: true },
];

/** How time is compressed. */
export interface Compression {
  /** All durations in the configuration are divided by this. */
  readonly factor: number;
  /** Compressed hours during which requests are counted. */
  readonly hours: number;
  /** Compressed hours between the moment when everything is in the catalog and the count. */
  readonly warmUpHours: number;
}

/**
 * An hour is enough if everything happens at least once an hour. A `maxAge` of a day needs a day,
 * which is compressed more.
 */
export function getCompression({ maxAgeMinutes = 0 }: BackstageSetting): Compression {
  return maxAgeMinutes <= HOUR
    ? { factor: 50, hours: 1, warmUpHours: 0.5 }
    : { factor: 900, hours: 24, warmUpHours: 1.5 };
}

/** @returns real seconds */
export function toRealSeconds(hours: number, { factor }: Compression): number {
  return (hours * 3600) / factor;
}

/** Pushes per compressed hour: as many per repository as in the real installation. */
export function pushesPerHour({ hasWebhooks }: BackstageSetting): number {
  return hasWebhooks ? (REAL.pushesPerHour * MODEL_REPOSITORIES) / REAL.repositories : 0;
}

/** The catalog polls once a second for entities that are due, and on SQLite it rounds to seconds. */
const MIN_PROCESSING_SECONDS = 2;
/** The catalog's default interval, to which it adds up to 50 % at random. */
const PROCESSING_SECONDS = 100;
/** The defaults of this module. */
const RECHECK_HOURS = { found: 6, absent: 24 };

/** Returns the app's configuration with all durations compressed. */
export function toBackstageConfig(
  setting: BackstageSetting,
  integration: { readonly host: string } & JsonObject,
): JsonObject {
  const { maxAgeMinutes, runEveryMinutes, subject } = setting;
  const compression = getCompression(setting);
  const toDuration = (hours: number) => ({ seconds: toRealSeconds(hours, compression) });
  const processing = Math.max(
    MIN_PROCESSING_SECONDS,
    PROCESSING_SECONDS / compression.factor,
  );
  const { found, absent } = RECHECK_HOURS;
  const provider = {
    host: integration.host,
    validateLocationsExist: true,
    schedule: {
      frequency: toDuration(runEveryMinutes / HOUR),
      timeout: { minutes: 5 },
    },
    ...(subject === 'ours' && {
      recheck: { found: toDuration(found), absent: toDuration(absent) },
    }),
  };
  return {
    integrations: { bitbucketServer: [integration] },
    catalog: {
      processingInterval: { seconds: processing },
      providers: { bitbucketServer: provider },
    },
    ...(maxAgeMinutes !== undefined && {
      backend: {
        reading: { bitbucketServer: { maxAge: toDuration(maxAgeMinutes / HOUR) } },
      },
    }),
  };
}

/** The requests that the simulated server received in the compressed hours. */
export interface BackstageCounts {
  readonly byKind: Readonly<Record<string, number>>;
  /** Reads of catalog files by the catalog. */
  readonly reads: number;
  /** Discovery runs. */
  readonly runs: number;
}

/** One installation and its result. */
export interface BackstageResult {
  readonly setting: BackstageSetting;
  readonly run:
    | { readonly kind: 'finished'; readonly counts: BackstageCounts }
    | { readonly kind: 'failed'; readonly error: string };
}

/** Extrapolated to the real installation. */
export interface HourlyRequests {
  readonly total: number;
  /** Of the total. */
  readonly reads: number;
  /** The part of the total that is calculated, because it happens too rarely to be measured. */
  readonly calculated: number;
}

/** The share of scheduled runs that may be missing. */
const MAX_MISSING_RUNS = 0.1;

/**
 * Extrapolates to the requests that a real server would receive per hour: per repository, or per
 * page of a listing, as many as the small server.
 */
export function extrapolate(
  setting: BackstageSetting,
  { byKind, reads }: BackstageCounts,
): HourlyRequests {
  const { hours } = getCompression(setting);
  const [from, to] = [MODEL_REPOSITORIES, REAL.repositories];
  const seen = Object.entries(byKind).reduce(
    (sum, [kind, count]) => sum + count * getGrowth(kind, from, to),
    0,
  );
  const calculated = calculateUnseen(setting);
  return {
    total: seen / hours + calculated,
    reads: (reads * (to / from)) / hours,
    calculated,
  };
}

/** With code search, repositories without a file are checked once a day. */
function calculateUnseen(setting: BackstageSetting): number {
  const isSeen = getCompression(setting).hours >= RECHECK_HOURS.absent;
  const absent = REAL.repositories * (1 - 1 / FILE_EVERY);
  return setting.hasSearch && !isSeen ? absent / RECHECK_HOURS.absent : 0;
}

/** On a machine that is too slow for the compressed schedule, runs and their requests are missing. */
export function hasKeptUp(setting: BackstageSetting, { runs }: BackstageCounts): boolean {
  const planned = (getCompression(setting).hours * HOUR) / setting.runEveryMinutes;
  return runs >= planned * (1 - MAX_MISSING_RUNS);
}

/** `a whole Backstage, this module, code search, webhooks, maxAge 24 hours` */
export function describeBackstage(setting: BackstageSetting): string {
  const { hasSearch, hasWebhooks, maxAgeMinutes, runEveryMinutes, subject } = setting;
  return [
    'a whole Backstage',
    subject === 'ours'
      ? 'this module and its reader'
      : 'published module, built-in reader',
    ...(hasSearch ? ['code search'] : []),
    ...(hasWebhooks ? ['webhooks'] : []),
    ...(maxAgeMinutes === undefined ? [] : [`maxAge ${formatMinutes(maxAgeMinutes)}`]),
    `a run every ${formatMinutes(runEveryMinutes)}`,
  ].join(', ');
}

/** `15 minutes`, `24 hours` */
export function formatMinutes(minutes: number): string {
  return minutes < HOUR ? `${minutes} minutes` : `${minutes / HOUR} hours`;
}
