/**
 * A clock for tests: time advances only when a test requests it, and random numbers are the
 * same in every run. Must not be used outside tests.
 *
 * @remarks To let promises settle it waits some turns of the event loop (`setImmediate`). That
 * is enough for everything within the process. Answers over real sockets may take longer: for
 * such tests raise `settleTurns`, or stop time with `holdWhile` while an answer is pending.
 */

import { Clock } from '../util/clock';
import { databaseActivity } from './databaseActivity';
import { onAbort } from '../util/abort';

/** Options of {@link FakeClock}. */
export interface FakeClockOptions {
  /** Epoch milliseconds; 2024-01-01T00:00:00Z when left out. */
  readonly startMs?: number;
  /** Seed of the sequence of random numbers; 1 when left out. */
  readonly seed?: number;
  /** Turns of the event loop without activity after which everything has settled; 8 when left out. */
  readonly settleTurns?: number;
  /** While true, time does not jump: real input or output is pending. */
  readonly holdWhile?: () => boolean;
}

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** Waits one turn of the event loop: all due promise callbacks have run after it. */
function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}

/** Time and randomness under a test's control. */
export class FakeClock implements Clock {
  readonly #settleTurns: number;
  readonly #holdWhile: () => boolean;
  readonly #sleepers = new Set<Sleeper>();
  /** Milliseconds since the clock was created. */
  #elapsedMs = 0;
  /** Epoch milliseconds at the creation of the clock, including later changes of the time of day. */
  #startMs: number;
  #seed: number;
  /** Counts events, so that settling can detect further activity. */
  #events = 0;

  constructor(options: FakeClockOptions = {}) {
    this.#startMs = options.startMs ?? Date.UTC(2024, 0, 1);
    this.#seed = options.seed ?? 1;
    this.#settleTurns = options.settleTurns ?? 8;
    this.#holdWhile = options.holdWhile ?? (() => false);
  }

  /** {@inheritDoc Clock.now} */
  now(): number {
    this.#events += 1;
    // In whole milliseconds, like the system clock.
    return Math.floor(this.#startMs + this.#elapsedMs);
  }

  /** {@inheritDoc Clock.monotonicMs} */
  monotonicMs(): number {
    this.#events += 1;
    return Math.floor(this.#elapsedMs);
  }

  /** {@inheritDoc Clock.sleep} */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const cancel = this.callAfter(ms, () => {
        stopListening();
        resolve();
      });
      const stopListening = onAbort(signal, () => {
        cancel();
        reject(signal?.reason);
      });
    });
  }

  /** {@inheritDoc Clock.callAfter} */
  callAfter(ms: number, callback: () => void): () => void {
    const end = () => {
      this.#events += 1;
      this.#sleepers.delete(sleeper);
    };
    const wake = () => {
      end();
      callback();
    };
    const sleeper: Sleeper = { dueMs: this.#elapsedMs + Math.max(ms, 0), wake };
    this.#events += 1;
    this.#sleepers.add(sleeper);
    return end;
  }

  /** Returns the next number of a fixed sequence (mulberry32). */
  random(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  /** The current number of sleepers; 0 shows that no timer was left behind. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  /** Sets the time of day, also backwards, as an administrator may. Does not advance time. */
  setTime(nowMs: number): void {
    this.#startMs = nowMs - this.#elapsedMs;
  }

  /** Runs everything that can run without advancing time. */
  async settle(): Promise<void> {
    let quietTurns = 0;
    while (quietTurns < this.#settleTurns) {
      const before = this.#events + databaseActivity();
      await nextTurn();
      const isQuiet = this.#events + databaseActivity() === before && !this.#holdWhile();
      quietTurns = isQuiet ? quietTurns + 1 : 0;
    }
  }

  /**
   * Advances time and wakes sleepers in the order in which they are due.
   *
   * @param ms - milliseconds, 0 or more
   */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#elapsedMs + ms;
    await this.settle();
    while (this.#wakeNext(untilMs)) await this.settle();
    this.#elapsedMs = untilMs;
    await this.settle();
  }

  /**
   * Advances time as far as the work needs: whenever nothing else can run, time jumps to
   * the next sleeper.
   *
   * @param limitMs - simulated milliseconds after which the work counts as endless
   * @returns the result of the work
   * @throws the error of the work; an Error when it neither ends nor sleeps, or is endless
   */
  async run<T>(work: Promise<T>, limitMs: number = 7 * 24 * 3_600_000): Promise<T> {
    const untilMs = this.#elapsedMs + limitMs;
    let isDone = false;
    const done = () => {
      isDone = true;
    };
    work.then(done, done);
    for (;;) {
      await this.settle();
      if (isDone) return work;
      if (this.#wakeNext(untilMs)) continue;
      throw new Error(
        this.sleeping === 0
          ? 'FakeClock: the work neither ends nor sleeps'
          : `FakeClock: the work has not ended after ${limitMs} ms`,
      );
    }
  }

  /** Wakes sleepers in their order, jumping from one to the next, until none is left. */
  async runUntilIdle(): Promise<void> {
    await this.settle();
    while (this.#wakeNext(Infinity)) await this.settle();
  }

  /** Advances to the next due sleeper and wakes it; among several, the one that has slept longest. */
  #wakeNext(untilMs: number): boolean {
    let next: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      if (!next || sleeper.dueMs < next.dueMs) next = sleeper;
    }
    if (!next || next.dueMs > untilMs) return false;
    this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs);
    next.wake();
    return true;
  }
}
