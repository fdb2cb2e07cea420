/**
 * Whole Backstages in steady state: which are compared, and how a small one whose time goes
 * fast stands for a real one. Pure.
 */

import { JsonObject } from '@backstage/types';
import { getGrowth, Subject } from './measurement';
import { FILE_EVERY } from './plan';

/** What is asked about; `pushesPerHour` to default branches, each time of another repository. */
export const REAL = { repositories: 5000, pushesPerHour: 200 };

/** What is run. */
export const MODEL_REPOSITORIES = 125;

/** One Backstage, with everything that it reads through the same module and its reader. */
export interface BackstageSetting {
  readonly subject: Subject;
  /** Bitbucket offers code search. */
  readonly hasSearch: boolean;
  readonly hasWebhooks: boolean;
  /** Of the URL reader of this package; the built-in one has nothing like it. */
  readonly maxAgeMinutes?: number;
  readonly runEveryMinutes: number;
  /** The documentation recommends it: the criterion is for it. */
  readonly isRecommended?: boolean;
}

const HOUR = 60;
const DAY = 24 * HOUR;
const AS_IT_COMES = { subject: 'ours', maxAgeMinutes: 15, runEveryMinutes: 30 } as const;
const PATIENT = { ...AS_IT_COMES, hasWebhooks: true, maxAgeMinutes: DAY } as const;

/** The published module with the built-in reader first: the others are compared with it. */
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

/** How time goes. */
export interface Compression {
  /** Every time of the configuration is divided by it. */
  readonly factor: number;
  /** Compressed hours of which requests are counted. */
  readonly hours: number;
  /** Compressed hours before that, once everything is in the catalog. */
  readonly warmUpHours: number;
}

/**
 * Where nothing takes longer than an hour to come round, an hour suffices. With a `maxAge`
 * of a day it takes a day, which goes faster.
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

/** Pushes in a compressed hour: so many for each repository as in reality. */
export function pushesPerHour({ hasWebhooks }: BackstageSetting): number {
  return hasWebhooks ? (REAL.pushesPerHour * MODEL_REPOSITORIES) / REAL.repositories : 0;
}

/** The catalog looks once a second for what is due, and its SQLite rounds to seconds. */
const MIN_PROCESSING_SECONDS = 2;
/** Of the catalog as it comes, which adds up to half as much. */
const PROCESSING_SECONDS = 100;
/** Of this module as it comes. */
const RECHECK_HOURS = { found: 6, absent: 24 };

/** The configuration of the app, every time in it compressed. */
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

/** What the simulated server saw in the compressed hours. */
export interface BackstageCounts {
  readonly byKind: Readonly<Record<string, number>>;
  /** Of the files themselves, for the catalog. */
  readonly reads: number;
  /** Of discovery. */
  readonly runs: number;
}

/** One Backstage with what became of it. */
export interface BackstageResult {
  readonly setting: BackstageSetting;
  readonly run:
    | { readonly kind: 'finished'; readonly counts: BackstageCounts }
    | { readonly kind: 'failed'; readonly error: string };
}

/** In reality. */
export interface HourlyRequests {
  readonly total: number;
  /** Of the total. */
  readonly reads: number;
  /** Of the total: seldom enough not to have come round, and therefore calculated. */
  readonly calculated: number;
}

/** Runs that have not begun, of those that should have. */
const MAX_MISSING_RUNS = 0.1;

/**
 * What a real server would be asked in an hour: as much for each repository, or for each
 * page of a listing, as the small one.
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

/** Where code search tells of them, repositories without a file are looked at once a day. */
function calculateUnseen(setting: BackstageSetting): number {
  const isSeen = getCompression(setting).hours >= RECHECK_HOURS.absent;
  const absent = REAL.repositories * (1 - 1 / FILE_EVERY);
  return setting.hasSearch && !isSeen ? absent / RECHECK_HOURS.absent : 0;
}

/** A machine that is too slow for the compressed schedule leaves runs out, and their requests. */
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
