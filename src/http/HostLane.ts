/**
 * What all requests to one host share, whatever their credential: the places of requests
 * in flight, and the pause after a 429. Must not know of tokens or of HTTP. Held by the
 * limiters of a host.
 */

import pLimit from 'p-limit';
import { Clock } from '../util/clock';

/** Runs a task as soon as a place is free, first come, first served. */
type Slots = <T>(task: () => Promise<T>) => Promise<T>;

function createSlots(count: number): Slots {
  const limit = pLimit(count);
  return task => limit(task);
}

/** The places and the pause of a host. */
export class HostLane {
  #concurrency: number;
  #slots: Slots;
  #pausedUntilMs = -Infinity;

  readonly #clock: Pick<Clock, 'monotonicMs'>;

  /** @param options - `concurrency`: requests in flight, an integer of 1 or more */
  constructor(options: { readonly concurrency: number; readonly clock: Clock }) {
    this.#concurrency = options.concurrency;
    this.#slots = createSlots(options.concurrency);
    this.#clock = options.clock;
  }

  /** Requests in flight that are allowed. */
  get concurrency(): number {
    return this.#concurrency;
  }

  /**
   * Allows fewer requests in flight from now on; a higher number changes nothing.
   *
   * @remarks The narrower gate is put before the wider one, so that what already waits
   * keeps its place in front.
   */
  narrowTo(concurrency: number): void {
    if (concurrency >= this.#concurrency) return;
    const wider = this.#slots;
    const narrower = createSlots(concurrency);
    this.#concurrency = concurrency;
    this.#slots = task => narrower(() => wider(task));
  }

  /** Runs the task in a place of its own; the place is free again once the task settles. */
  withSlot<T>(task: () => Promise<T>): Promise<T> {
    return this.#slots(task);
  }

  /** Lets nothing start for so long, milliseconds from now; a pause is never shortened. */
  pauseFor(ms: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.monotonicMs() + ms);
  }

  /** Milliseconds until the pause is over, 0 when there is none. */
  pausedForMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.#clock.monotonicMs());
  }
}
