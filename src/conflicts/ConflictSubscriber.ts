/**
 * Receives the catalog's events about entities that it refused because another side holds
 * them: it reports a conflict once and does not store it. Never throws, whatever arrives.
 */

import { LoggerService } from '@backstage/backend-plugin-api';
import { EventParams, EventsService } from '@backstage/plugin-events-node';
import pLimit from 'p-limit';
import { z } from 'zod';
import { parseTarget, urlOfLocationKey } from '../util/parseUrls';
import { ProviderIds } from './describeConflicts';
import { ConflictResolver } from './ConflictResolver';
import { ConflictStore, RefusedEntity } from './ConflictStore';
import { Clock } from '../util/clock';

/** Topic of catalog-backend 4.0.0; experimental there, so every payload is validated. */
export const CONFLICT_TOPIC = 'experimental.catalog.conflict';

const SUBSCRIBER_ID = 'bitbucket-server-entity-provider-conflicts';

/**
 * Maximum number of conflicts waiting to be stored: processing a catalog full of forks
 * must not fill the memory.
 */
const MAX_WAITING = 1_000;

const MAX_ATTEMPTS = 3;
const RETRY_DELAY_MS = 5_000;

/** Longer texts do not occur in practice, and these are stored. */
const Text = z.string().min(1).max(4_000);

const Payload = z.object({
  entityRef: Text,
  newLocationKey: Text,
  existingLocationKey: Text,
});

/** Dependencies of the subscriber. */
interface ConflictSubscriberOptions {
  readonly store: Pick<ConflictStore, 'recordRefused'>;
  /** Called once conflicts are stored: a holder may be about to lose its entity. */
  readonly resolver: Pick<ConflictResolver, 'check'>;
  /** The providers of this configuration. */
  readonly providers: ProviderIds;
  readonly logger: Pick<LoggerService, 'debug' | 'warn'>;
  readonly clock: Pick<Clock, 'sleep'>;
  /** Stops it. */
  readonly signal: AbortSignal;
}

/** Subscribes for all providers together. */
export class ConflictSubscriber {
  readonly #waiting = new Map<string, RefusedEntity>();
  readonly #oneAtATime = pLimit(1);

  constructor(private readonly options: ConflictSubscriberOptions) {}

  /** Subscribes to the events, if any provider is configured. */
  async subscribe(events: EventsService): Promise<void> {
    if (this.options.providers.size === 0) {
      return;
    }
    await events.subscribe({
      id: SUBSCRIBER_ID,
      topics: [CONFLICT_TOPIC],
      onEvent: event => this.onEvent(event),
    });
  }

  /**
   * Handles one event.
   *
   * @remarks Returns before anything is stored: the catalog waits for it within a
   * transaction, and a database with a single connection would deadlock.
   */
  async onEvent({ eventPayload }: EventParams): Promise<void> {
    const { logger } = this.options;
    const parsed = Payload.safeParse(eventPayload);
    if (!parsed.success) {
      logger.debug(`A conflict of the catalog cannot be read: ${parsed.error.message}`);
      return;
    }
    const { entityRef, newLocationKey, existingLocationKey: holderKey } = parsed.data;
    const targetUrl = urlOfLocationKey(newLocationKey);
    const isOurs = [newLocationKey, holderKey].some(key => this.#canBeOurs(key));
    if (targetUrl === undefined || !isOurs) {
      logger.debug(
        `The conflict about ${entityRef} is ignored: it is not about a file in Bitbucket`,
      );
      return;
    }
    if (this.#waiting.size >= MAX_WAITING) {
      logger.debug(`The conflict about ${entityRef} is ignored: too many at once`);
      return;
    }
    const refused = { entityRef, targetUrl, holderKey };
    if (this.#waiting.size === 0) {
      // A wait interrupted by the shutdown is not a failure.
      this.#oneAtATime(() => this.#storeWaiting()).catch(() => {});
    }
    this.#waiting.set(JSON.stringify([entityRef, targetUrl]), refused);
  }

  #canBeOurs(locationKey: string): boolean {
    const url = urlOfLocationKey(locationKey);
    return url === undefined
      ? this.options.providers.has(locationKey)
      : parseTarget(url) !== undefined;
  }

  async #storeWaiting(): Promise<void> {
    const { clock, logger, resolver, signal, store } = this.options;
    const refused = [...this.#waiting.values()];
    this.#waiting.clear();
    for (let attempt = 1; refused.length > 0 && !signal.aborted; attempt++) {
      try {
        await store.recordRefused(refused);
        resolver.check();
        return;
      } catch (error) {
        if (attempt >= MAX_ATTEMPTS) {
          logger.warn(`Conflicts of the catalog could not be stored: ${error}`);
          return;
        }
      }
      await clock.sleep(RETRY_DELAY_MS * attempt, signal);
    }
  }
}
