/**
 * How long what is held back has been confirmed. One jump of a clock is no confirmation:
 * time is that of the database, or of a clock that nobody sets.
 */

import type { Knex } from 'knex';
import { z } from 'zod';
import { Clock } from '../util/clock';
import { isPostgres } from './migrate';
import { BigNumber } from './tables';

/**
 * Where the database has no clock, only the machine's tells after a restart how long ago a
 * run confirmed something, and that may have been set: no more than this is believed.
 */
const MAX_GAP_AFTER_RESTART_MS = 3_600_000;

const NowAnswer = z.object({ rows: z.tuple([z.object({ now: BigNumber })]) });

/** Measures the time between complete runs. */
export class Confirmations {
  readonly #clock: Pick<Clock, 'now' | 'monotonicMs'>;
  /** When this process has last seen a complete run, by provider. */
  readonly #seenMs = new Map<string, number>();

  constructor(clock: Pick<Clock, 'now' | 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** A complete run has just been stored. */
  note(providerId: string): void {
    this.#seenMs.set(providerId, this.#clock.monotonicMs());
  }

  /** What to store of the moment, epoch milliseconds. */
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
   * @param storedMs - what was stored of the last complete run
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
