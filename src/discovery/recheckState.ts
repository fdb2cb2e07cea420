/** What is stored about the checks of known repositories. */

/**
 * When complete runs last checked each bucket: `null` if none has under this
 * configuration.
 */
export type CheckTimes = readonly (CheckTime | null)[];

/** The time of a check by a run. */
export interface CheckTime {
  readonly revision: number;
  /** Epoch milliseconds. */
  readonly atMs: number;
}

/** The stored times of checks, per bucket. */
export interface RecheckState {
  /**
   * Fingerprint of the configuration at that time: with another one, everything is due.
   */
  readonly configuration: string;
  /** The rule of the last run; omitted if it checked everything. */
  readonly rule?: RecheckRule;
  /** Checks of repositories that have files. */
  readonly found: CheckTimes;
  /** Checks of repositories that have none. */
  readonly absent: CheckTimes;
}

/** Which known state is trusted without a check, and for how long. */
export interface RecheckRule {
  /** How long a known file is trusted to exist, milliseconds. */
  readonly foundMs: number;
  /**
   * How long the absence of a file is trusted, milliseconds; omitted if every run checks.
   */
  readonly absentMs?: number;
  /** Repositories with fewer files are checked by every run for further ones. */
  readonly minFiles: number;
}
