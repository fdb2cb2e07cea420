/**
 * Has the catalog read again what it refused, once no side holds the entity any more: it
 * does not do so by itself. What goes wrong here is logged and changes nothing else.
 */

import { LoggerService } from '@backstage/backend-plugin-api';
import pLimit from 'p-limit';
import { withoutCredentials } from './describeConflicts';
import { ConflictStore, ReleasedEntity } from './ConflictStore';
import { anySignal } from '../util/abort';
import { Clock } from '../util/clock';
import { listExamples } from '../util/text';

/**
 * Between looks. The catalog deletes within about 30 seconds what nothing claims any more,
 * and may be behind with what it is told to read.
 */
const DELAYS_MS = [5_000, 15_000, 30_000, 60_000, 120_000, 300_000];

/** A provider, as far as it can have the catalog read files. */
export interface LocationReader {
  /** Location key of what it emits. */
  readonly locationKey: string;
  /** Has the catalog process its Locations of these files as if they had changed. */
  reprocess(targetUrls: ReadonlySet<string>): Promise<void>;
  /** Has the catalog read these files, whatever emitted their Locations. */
  refresh(targetUrls: readonly string[]): Promise<void>;
}

/** What the resolver works with. */
interface ConflictResolverOptions {
  readonly store: Pick<ConflictStore, 'findReleased'>;
  readonly logger: Pick<LoggerService, 'info' | 'warn'>;
  readonly clock: Pick<Clock, 'sleep'>;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Resolves conflicts for all providers together. */
export class ConflictResolver {
  /** By location key. */
  readonly #readers = new Map<string, LocationReader>();
  readonly #oneAtATime = pLimit(1);
  #current: AbortController | undefined;

  constructor(private readonly options: ConflictResolverOptions) {}

  /** To be called with every provider before the first check; a later one takes its place. */
  add(reader: LocationReader): void {
    this.#readers.set(reader.locationKey, reader);
  }

  /**
   * To be called when an entity may have lost who has it. Looks now and, as long as there
   * is such an entity, a few times later.
   *
   * @remarks Returns at once.
   */
  check(): void {
    this.#current?.abort();
    this.#current = new AbortController();
    // A wait that ends because of a later check, or of the shutdown, is no failure.
    this.#lookSeveralTimes(this.#current.signal).catch(() => {});
  }

  async #lookSeveralTimes(superseded: AbortSignal): Promise<void> {
    const { clock, signal: shutdown } = this.options;
    const signal = anySignal(superseded, shutdown);
    for (const nextDelayMs of [...DELAYS_MS, undefined]) {
      const isLast = nextDelayMs === undefined;
      const isOver = await this.#oneAtATime(() => signal?.aborted || this.#look(isLast));
      if (isLast || isOver) {
        return;
      }
      await clock.sleep(nextDelayMs, signal);
    }
  }

  /** @returns whether there is nothing more to look for */
  async #look(isLast: boolean): Promise<boolean> {
    const { logger, signal, store } = this.options;
    try {
      const { released, areMoreToCome } = await store.findReleased();
      if (released.length === 0) {
        return !areMoreToCome;
      }
      if (isLast) {
        logger.warn(
          `The catalog has from nobody what it refused before, though it was told to read it again: ${describe(released)}`,
        );
        return true;
      }
      logger.info(
        `The catalog is told to read again what it refused, since who had it has lost it: ${describe(released)}`,
      );
      await this.#readAgain(released);
    } catch (error) {
      if (isLast && !signal.aborted) {
        logger.warn(`What the catalog refused could not be read again: ${error}`);
      }
    }
    return false;
  }

  async #readAgain(released: readonly ReleasedEntity[]): Promise<void> {
    const readers = [...this.#readers.values()];
    for (const reader of readers) {
      const own = released.filter(one => one.locationKey === reader.locationKey);
      if (own.length > 0) {
        await reader.reprocess(new Set(own.map(one => one.targetUrl)));
      }
    }
    const foreign = released.filter(one => !this.#readers.has(one.locationKey ?? ''));
    if (foreign.length > 0) {
      await readers[0]?.refresh(foreign.map(one => one.targetUrl));
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
