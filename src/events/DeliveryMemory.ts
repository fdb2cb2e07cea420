/**
 * Tells a delivery that was seen already: the same webhook arrives on the plain topic and,
 * republished by one or several routers, on its sub-topic. Bounded in number and time.
 */

import { createHash } from 'node:crypto';
import { Clock } from '../util/clock';
import { webhookHeader } from './webhookTopics';

/** One event as it arrived, with its key. */
export interface Delivery {
  /** From `eventKeyOf`. */
  readonly eventKey: string;
  readonly metadata: unknown;
  readonly payload: unknown;
}

/** How much is remembered. */
export interface DeliveryMemoryOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** Deliveries remembered at the same time, 1 or more. */
  readonly capacity?: number;
  /** Milliseconds; routers republish at once, the event bus within seconds. */
  readonly keepForMs?: number;
}

const DEFAULT_CAPACITY = 1000;
const DEFAULT_KEEP_FOR_MS = 60_000;

/** Longer ones are no request ids. */
const REQUEST_ID = /^[\x21-\x7e]{1,200}$/;

/** Remembers deliveries; see the head of the file. */
export class DeliveryMemory {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #capacity: number;
  readonly #keepForMs: number;
  /** Identity of a delivery and when it arrived, oldest first. */
  readonly #seen = new Map<string, number>();

  constructor(options: DeliveryMemoryOptions) {
    this.#clock = options.clock;
    this.#capacity = options.capacity ?? DEFAULT_CAPACITY;
    this.#keepForMs = options.keepForMs ?? DEFAULT_KEEP_FOR_MS;
  }

  /**
   * Remembers a delivery.
   *
   * @remarks Ask only for events that lead to something, so that others take no room.
   *
   * @returns whether it is the first of its kind
   */
  add(delivery: Delivery): boolean {
    const now = this.#clock.now();
    this.#forgetOld(now);
    const identity = identify(delivery);
    if (identity === undefined) {
      return true;
    }
    if (this.#seen.has(identity)) {
      return false;
    }
    this.#makeRoom();
    this.#seen.set(identity, now);
    return true;
  }

  #forgetOld(now: number): void {
    for (const [identity, at] of this.#seen) {
      if (now - at < this.#keepForMs) {
        return;
      }
      this.#seen.delete(identity);
    }
  }

  #makeRoom(): void {
    for (const identity of this.#seen.keys()) {
      if (this.#seen.size < this.#capacity) {
        return;
      }
      this.#seen.delete(identity);
    }
  }
}

/**
 * The request id, which Bitbucket makes anew for each delivery, or else the content: the
 * event bus drops all headers.
 *
 * @returns `undefined` for a payload that cannot be written as JSON
 *
 * Source: Atlassian, "Event payload" (8.9, 8.15): header `X-Request-Id`.
 */
function identify({ eventKey, metadata, payload }: Delivery): string | undefined {
  const requestId = webhookHeader(metadata, 'x-request-id');
  if (requestId !== undefined && REQUEST_ID.test(requestId)) {
    return `${eventKey} request ${requestId}`;
  }
  const content = contentIdentity(eventKey, payload);
  return content && `${eventKey} content ${content}`;
}

/**
 * Tells deliveries with the same content, on whichever way they came.
 *
 * @returns a SHA-256 in hexadecimal; `undefined` for a payload that is no JSON
 */
export function contentIdentity(eventKey: string, payload: unknown): string | undefined {
  try {
    const content = JSON.stringify([eventKey, payload]);
    return createHash('sha256').update(content).digest('hex');
  } catch {
    return undefined;
  }
}
