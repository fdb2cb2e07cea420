/**
 * Makes the catalog read refused entities again once no side holds them any more, which
 * it does not do on its own. Errors here are logged and have no other effect.
 */

import { LoggerService } from '@backstage/backend-plugin-api';
import pLimit from 'p-limit';
import { withoutCredentials } from './describeConflicts';
import { ConflictStore, ReleasedEntity } from './ConflictStore';
import { anySignal } from '../util/abort';
import { Clock } from '../util/clock';
import { listExamples } from '../util/text';

/**
 * Delays between checks. The catalog deletes orphaned entities within about 30 seconds,
 * and may process refreshes late.
 */
const DELAYS_MS = [5_000, 15_000, 30_000, 60_000, 120_000, 300_000];

/** A provider that can make the catalog read files. */
export interface LocationReader {
  /** Location key of the entities that it emits. */
  readonly locationKey: string;
  /**
   * Makes the catalog process the provider's Locations of these files as if they had
   * changed.
   */
  reprocess(targetUrls: ReadonlySet<string>): Promise<void>;
  /** Makes the catalog read these files, whichever provider emitted their Locations. */
  refresh(targetUrls: readonly string[]): Promise<void>;
}

/** Dependencies of the resolver. */
interface ConflictResolverOptions {
  readonly store: Pick<ConflictStore, 'findReleased'>;
  readonly logger: Pick<LoggerService, 'info' | 'warn'>;
  readonly clock: Pick<Clock, 'sleep'>;
  /** Stops it. */
  readonly signal: AbortSignal;
}

/** Resolves conflicts for all providers together. */
export class ConflictResolver {
  /** By location key. */
  readonly #readers = new Map<string, LocationReader>();
  readonly #oneAtATime = pLimit(1);
  #current: AbortController | undefined;

  constructor(private readonly options: ConflictResolverOptions) {}

  /**
   * Adds a provider, to be called before the first check; a later one with the same key
   * replaces it.
   */
  add(reader: LocationReader): void {
    this.#readers.set(reader.locationKey, reader);
  }

  /**
   * Checks now and, while there are released entities, a few times later. To be called
   * when an entity may have lost its holder.
   *
   * @remarks Returns immediately.
   */
  check(): void {
    this.#current?.abort();
    this.#current = new AbortController();
    // A wait interrupted by a later check or by the shutdown is not a failure.
    this.#checkSeveralTimes(this.#current.signal).catch(() => {});
  }

  async #checkSeveralTimes(superseded: AbortSignal): Promise<void> {
    const { clock, signal: shutdown } = this.options;
    const signal = anySignal(superseded, shutdown);
    for (const nextDelayMs of [...DELAYS_MS, undefined]) {
      const isLast = nextDelayMs === undefined;
      const isOver = await this.#oneAtATime(
        () => signal.aborted || this.#checkOnce(isLast),
      );
      if (isLast || isOver) {
        return;
      }
      await clock.sleep(nextDelayMs, signal);
    }
  }

  /** @returns whether no further check is needed */
  async #checkOnce(isLast: boolean): Promise<boolean> {
    const { logger, signal, store } = this.options;
    try {
      const { released, areMoreToCome } = await store.findReleased();
      if (released.length === 0) {
        return !areMoreToCome;
      }
      if (isLast) {
        logger.warn(
          `The catalog still has these entities from no side, although it was told to read them again after it had refused them: ${describe(released)}`,
        );
        return true;
      }
      logger.info(
        `The catalog is told to read these refused entities again, because their holder has lost them: ${describe(released)}`,
      );
      await this.#readAgain(released);
    } catch (error) {
      if (isLast && !signal.aborted) {
        logger.warn(
          `Entities that the catalog refused could not be read again: ${error}`,
        );
      }
    }
    return false;
  }

  async #readAgain(released: readonly ReleasedEntity[]): Promise<void> {
    const readers = [...this.#readers.values()];
    for (const reader of readers) {
      const own = released.filter(entity => entity.locationKey === reader.locationKey);
      if (own.length > 0) {
        await reader.reprocess(new Set(own.map(entity => entity.targetUrl)));
      }
    }
    const foreign = released.filter(
      entity => !this.#readers.has(entity.locationKey ?? ''),
    );
    if (foreign.length > 0) {
      await readers[0]?.refresh(foreign.map(entity => entity.targetUrl));
    }
  }
}

function describe(released: readonly ReleasedEntity[]): string {
  return listExamples(
    released,
    ({ entityRef, targetUrl }) => `${entityRef} in ${withoutCredentials(targetUrl)}`,
    ', ',
  );
}
