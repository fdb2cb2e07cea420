/**
 * Measures how long held removals have been confirmed. A jump of a clock is no
 * confirmation, so time comes from the database or from a monotonic clock.
 */

import type { Knex } from 'knex';
import { z } from 'zod';
import { Clock } from '../util/clock';
import { isPostgres } from './migrate';
import { BigNumber } from './tables';

/**
 * If the database has no clock, only the machine's clock shows after a restart how long
 * ago a run was confirmed, and that clock may have been set: the time is limited to this.
 */
const MAX_GAP_AFTER_RESTART_MS = 3_600_000;

const NowAnswer = z.object({ rows: z.tuple([z.object({ now: BigNumber })]) });

/** Measures the time between complete runs. */
export class Confirmations {
  readonly #clock: Pick<Clock, 'now' | 'monotonicMs'>;
  /** When this process last saw a complete run, by provider. */
  readonly #seenMs = new Map<string, number>();

  constructor(clock: Pick<Clock, 'now' | 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** Records that a complete run has just been stored. */
  note(providerId: string): void {
    this.#seenMs.set(providerId, this.#clock.monotonicMs());
  }

  /** Returns the time to store, epoch milliseconds. */
  async now(knex: Knex): Promise<number> {
    if (!isPostgres(knex)) {
      return this.#clock.now();
    }
    const answer: unknown = await knex.raw(
      'select floor(extract(epoch from clock_timestamp()) * 1000) as now',
    );
    return NowAnswer.parse(answer).rows[0].now;
  }

  /**
   * @param storedMs - stored time of the last complete run
   * @returns milliseconds since then
   */
  async since(
    knex: Knex,
    providerId: string,
    storedMs: number | null | undefined,
  ): Promise<number> {
    const seenMs = this.#seenMs.get(providerId);
    if (!isPostgres(knex) && seenMs !== undefined) {
      return this.#clock.monotonicMs() - seenMs;
    }
    const sinceMs = Math.max(0, (await this.now(knex)) - (storedMs ?? Infinity));
    return isPostgres(knex) ? sinceMs : Math.min(sinceMs, MAX_GAP_AFTER_RESTART_MS);
  }
}
