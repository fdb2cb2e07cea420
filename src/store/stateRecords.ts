/** What runs and events leave to the store, and find there. Types only. */

import {
  HeldRemoval,
  KnownRepository,
  ProviderMemory,
  RunOrigin,
} from '../discovery/types';
import { FinishedRun } from './runRecords';
import { UnchangedLooks } from './stateTables';

/**
 * Reads what the catalog holds from a provider beyond what is known; `undefined` where that
 * cannot be read.
 */
export type BaselineReader = (
  providerId: string,
  known: readonly KnownRepository[],
) => Promise<ProviderMemory | undefined>;

/** What a run begins with. */
export interface BegunRun {
  /** Taken before anything is asked. */
  readonly revision: number;
  readonly origin: RunOrigin;
}

/** What a run has learned on its way. */
export interface InterimRecord {
  readonly repositories: readonly KnownRepository[];
  readonly unchanged?: UnchangedLooks;
}

/** What a run leaves. */
export interface RunEnd {
  readonly run: FinishedRun;
  /** Left out where it is not known what the catalog holds: then nothing is known of repositories. */
  readonly state?: {
    /** Those that are not as the tables had them. */
    readonly changed: readonly KnownRepository[];
    readonly forgottenIds: readonly number[];
    readonly held: readonly HeldRemoval[];
    readonly serverUrls?: readonly string[];
    /** Where it began, and whether it has reached its end. */
    readonly origin: RunOrigin;
    readonly isComplete: boolean;
    /** The next run is to resume it. */
    readonly isUnfinished: boolean;
  };
}

/** What looking at one repository changed. */
export interface EvaluationRecord {
  readonly repositories: readonly KnownRepository[];
  /** Placeholders whose id is known now. */
  readonly forgottenIds: readonly number[];
  readonly held: readonly HeldRemoval[];
  /** Keys of what is no longer held back: removed, or not due any more. */
  readonly resolvedKeys: readonly string[];
}
