/**
 * A clock for tests: time passes only when a test says so, and chance is the same in
 * every run. Must not be used outside tests.
 *
 * @remarks To let promises settle it takes turns of the event loop (`setImmediate`). That
 * is enough for everything within the process. Answers that come over real sockets may
 * take longer than the turns it waits: for such tests raise `settleTurns`, or hold time
 * still while something is on its way with `holdWhile`.
 */

import { Clock } from '../util/clock';
import { databaseActivity } from './databaseActivity';
import { onAbort } from '../util/abort';

/** For {@link FakeClock}. */
export interface FakeClockOptions {
  /** Epoch milliseconds; 2024-01-01T00:00:00Z when left out. */
  readonly startMs?: number;
  /** For the sequence of random numbers; 1 when left out. */
  readonly seed?: number;
  /** Turns of the event loop without news after which nothing more is expected; 8 when left out. */
  readonly settleTurns?: number;
  /** While true, time does not jump: something real is on its way. */
  readonly holdWhile?: () => boolean;
}

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** One turn of the event loop: all promise callbacks that are due have run after it. */
function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}

/** Time and chance under a test's control. */
export class FakeClock implements Clock {
  readonly #settleTurns: number;
  readonly #holdWhile: () => boolean;
  readonly #sleepers = new Set<Sleeper>();
  /** What has passed since the clock was made. */
  #elapsedMs = 0;
  /** The time of day when the clock was made, as it is set now. */
  #startMs: number;
  #seed: number;
  /** Counts what happened, so that settling can tell whether anything still does. */
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
    // In whole milliseconds, as the machine tells it.
    return Math.floor(this.#startMs + this.#elapsedMs);
  }

  /** {@inheritDoc Clock.monotonicMs} */
  monotonicMs(): number {
    this.#events += 1;
    return Math.floor(this.#elapsedMs);
  }

  /** {@inheritDoc Clock.sleep} */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.#events += 1;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const end = () => {
        this.#events += 1;
        this.#sleepers.delete(sleeper);
        stopListening();
      };
      const wake = () => {
        end();
        resolve();
      };
      const sleeper: Sleeper = { dueMs: this.#elapsedMs + Math.max(ms, 0), wake };
      this.#sleepers.add(sleeper);
      const stopListening = onAbort(signal, () => {
        end();
        reject(signal?.reason);
      });
    });
  }

  /** The next of a fixed sequence (mulberry32). */
  random(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  /** How many sleep at the moment; 0 shows that no timer was left behind. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  /** Sets the time of day, as an administrator may, backwards too. No time passes by that. */
  setTime(nowMs: number): void {
    this.#startMs = nowMs - this.#elapsedMs;
  }

  /** Lets everything run that can run without time passing. */
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
   * Lets time pass, waking sleepers in the order in which they are due.
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
   * Lets as much time pass as the work needs: whenever nothing else can run, time jumps to
   * the next sleeper.
   *
   * @param limitMs - after this much simulated time the work counts as endless
   * @returns what the work returns
   * @throws what the work throws; an Error when it neither ends nor sleeps, or is endless
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

  /** Wakes sleepers in their order, jumping from one to the next, until nobody sleeps. */
  async runUntilIdle(): Promise<void> {
    await this.settle();
    while (this.#wakeNext(Infinity)) await this.settle();
  }

  /** Wakes whoever is due first, at its time; of several the one that has slept longest. */
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
