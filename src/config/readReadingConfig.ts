/** Reads `backend.reading.bitbucketServer`: the settings of the URL reader. */

import { Config, ConfigReader } from '@backstage/config';
import { HumanDuration } from '@backstage/types';
import { ConfigFindings, ConfigSection } from './ConfigSection';
import { refuse } from './readProviderConfigs';

/** Every key with its default; a test compares the documentation with them. */
export const READING_DEFAULTS = {
  maxAge: { minutes: 15 },
  maxWait: { seconds: 10 },
  staleIfUnavailable: { hours: 24 },
} as const satisfies Record<string, HumanDuration>;

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
const MAX_WAIT = { ms: 300_000, text: '5 minutes' };

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
    Object.keys(READING_DEFAULTS),
  );
  const read = {
    maxAgeMs: section.durationMs('maxAge', READING_DEFAULTS.maxAge, { zero: true }),
    maxWaitMs: section.durationMs('maxWait', READING_DEFAULTS.maxWait, {
      zero: false,
      max: MAX_WAIT,
    }),
    staleIfUnavailableMs: section.durationMs(
      'staleIfUnavailable',
      READING_DEFAULTS.staleIfUnavailable,
      { zero: true },
    ),
  };
  refuse(findings.problems);
  return read;
}
