/** Where it is kept which entities two sides claim, the same for every replica. */

import { RecordedConflict } from './describeConflicts';

/** What a provider gave the catalog. */
export interface GivenEntity {
  readonly entityRef: string;
  /** The URL of the file it comes from. */
  readonly targetUrl: string;
  /** It is a Location, whose file the catalog reads: others may have registered the same. */
  readonly isLocation: boolean;
}

/** What the catalog read from a file and did not take, since another side has it. */
export interface RefusedEntity {
  readonly entityRef: string;
  /** The URL of the file. */
  readonly targetUrl: string;
  /** Location key of the side that has it. */
  readonly holderKey: string;
}

/** What the catalog refused to a file and has from nobody any more. */
export interface ReleasedEntity {
  readonly entityRef: string;
  /** The URL of the file. */
  readonly targetUrl: string;
  /** Whose the Location is by which the catalog reads the file. */
  readonly locationKey?: string;
}

/** What may have to be read again. */
export interface ReleasedEntities {
  readonly released: readonly ReleasedEntity[];
  /** Nothing claims another one any more, so that the catalog is about to delete it. */
  readonly areMoreToCome: boolean;
}

/**
 * Keeps conflicts as long as the catalog's own tables bear them out, and no more of them
 * than people could ever look through.
 */
export interface ConflictStore {
  /**
   * Looks, after a run, who has what a provider gave: what was kept of that before is
   * replaced. Forgets what is not so any more.
   *
   * @param locationKey - of the provider
   * @param ownKeys - location keys of the providers of this configuration: what is kept of
   * others is forgotten
   */
  compareGiven(
    locationKey: string,
    given: readonly GivenEntity[],
    ownKeys: ReadonlySet<string>,
  ): Promise<void>;
  /**
   * Keeps what the catalog says it has refused, where one of the two sides is ours.
   *
   * @param ownKeys - location keys of the providers of this configuration
   */
  recordRefused(
    refused: readonly RefusedEntity[],
    ownKeys: ReadonlySet<string>,
  ): Promise<void>;
  /** Those that are still so, in an order that stays. */
  load(): Promise<RecordedConflict[]>;
  /** The entities that were refused to a file and that nobody has any more. */
  findReleased(): Promise<ReleasedEntities>;
}
