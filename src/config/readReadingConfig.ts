/** Reads `backend.reading.bitbucketServer`: how the reader of files asks. */

import { Config, ConfigReader } from '@backstage/config';
import { durationToMilliseconds, HumanDuration } from '@backstage/types';
import { ConfigFindings, ConfigSection } from './ConfigSection';
import { refuse } from './readProviderConfigs';

/** A key as the reader fills it in and as the documentation explains it. */
interface ReadingKey {
  readonly default: HumanDuration;
  /** One sentence. */
  readonly meaning: string;
}

/** Every key; the documentation is made of it or held to it by a test. */
export const READING_KEYS = {
  maxAge: {
    default: { minutes: 15 },
    meaning: 'For so long what was read is believed while nobody tells of a change.',
  },
  maxWait: {
    default: { seconds: 10 },
    meaning: 'For so long a read waits for its turn and for retries, at most 5 minutes.',
  },
  staleIfUnavailable: {
    default: { hours: 24 },
    meaning:
      'For so long the catalog goes on with what it has read where Bitbucket does not answer.',
  },
} as const satisfies Record<string, ReadingKey>;

/** How files are read. */
export interface ReadingConfig {
  /** For so long what was read is believed while nobody tells of a change. */
  readonly maxAgeMs: number;
  /** For so long a read waits for its turn and for retries. */
  readonly maxWaitMs: number;
  /** For so long what was read stands where Bitbucket gives no answer. */
  readonly staleIfUnavailableMs: number;
}

const READING_KEY = 'backend.reading';

/** Longer than this, a read would hold up all processing of the catalog. */
const MAX_WAIT = { minutes: 5 };

/**
 * Reads the configuration, defaults filled in.
 *
 * @throws InputError naming, for every fault, the full key, the bad value and the remedy
 */
export function readReadingConfig(config: Config): ReadingConfig {
  const findings: ConfigFindings = { problems: [], warnings: [] };
  const reading = config.getOptionalConfig(READING_KEY) ?? new ConfigReader({});
  const section = new ConfigSection(reading, READING_KEY, findings).section(
    'bitbucketServer',
    Object.keys(READING_KEYS),
  );
  const longestWait = { ms: durationToMilliseconds(MAX_WAIT), text: '5 minutes' };
  const read = {
    maxAgeMs: section.durationMs('maxAge', READING_KEYS.maxAge.default, { zero: true }),
    maxWaitMs: section.durationMs('maxWait', READING_KEYS.maxWait.default, {
      zero: false,
      max: longestWait,
    }),
    staleIfUnavailableMs: section.durationMs(
      'staleIfUnavailable',
      READING_KEYS.staleIfUnavailable.default,
      { zero: true },
    ),
  };
  refuse(findings.problems);
  return read;
}
