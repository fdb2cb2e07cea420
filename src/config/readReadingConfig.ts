/** Reads `backend.reading.bitbucketServer`: the settings of the URL reader. */

import { Config, ConfigReader } from '@backstage/config';
import { durationToMilliseconds, HumanDuration } from '@backstage/types';
import { ConfigFindings, ConfigSection } from './ConfigSection';
import { refuse } from './readProviderConfigs';

/** A key with its default and its text in the documentation. */
interface ReadingKey {
  readonly default: HumanDuration;
  /** One sentence. */
  readonly meaning: string;
}

/** Every key; the documentation is generated from this list or compared with it by a test. */
export const READING_KEYS = {
  maxAge: {
    default: { minutes: 15 },
    meaning:
      'How long a file that was read counts as current while no event reports a change.',
  },
  maxWait: {
    default: { seconds: 10 },
    meaning: 'How long a read waits for its turn and for retries, at most 5 minutes.',
  },
  staleIfUnavailable: {
    default: { hours: 24 },
    meaning:
      'How long the catalog keeps using the files it has read while Bitbucket does not answer.',
  },
} as const satisfies Record<string, ReadingKey>;

/** The settings of the URL reader. */
export interface ReadingConfig {
  /** How long a file that was read counts as current while no event reports a change. */
  readonly maxAgeMs: number;
  /** How long a read waits for its turn and for retries. */
  readonly maxWaitMs: number;
  /** How long a file that was read remains usable while Bitbucket does not answer. */
  readonly staleIfUnavailableMs: number;
}

const READING_KEY = 'backend.reading';

/** A longer wait would block all processing of the catalog. */
const MAX_WAIT = { minutes: 5 };

/**
 * Reads the configuration and fills in the defaults.
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
