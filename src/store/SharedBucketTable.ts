/**
 * The token buckets that the replicas of a backend share: a row for each host and user, on
 * PostgreSQL only. Which time it is, the database says.
 *
 * @remarks Nothing is locked: a row is read, and written where nobody else has written it
 * meanwhile. A replica that stops in between holds nobody up.
 */

import type { Knex } from 'knex';
import { z } from 'zod';
import { SharedBuckets } from '../http/ReplicaShare';
import {
  grantTokens,
  pauseAll,
  SharedBucket,
  TokenGrant,
  TokenRequest,
} from '../http/sharedBucket';
import { TwoClassShape } from '../http/twoClassBucket';
import { DiscoveryDatabase } from './DiscoveryDatabase';
import { isPostgres } from './migrate';
import { BigNumber, jsonColumn } from './tables';

const BUCKETS = 'bitbucket_server_discovery_buckets';

const Bucket = z.object({
  capacity: z.number(),
  refillPerSecond: z.number(),
  tokens: z.number(),
  asOfMs: z.number(),
});

const State = z.object({
  bucket: z.object({ all: Bucket, discovery: Bucket }),
  pausedUntilMs: z.number(),
  readsWaitUntilMs: z.number(),
  replicas: z.record(z.string(), z.number()),
});

const Read = z.object({
  rows: z.tuple([
    z.object({
      now_ms: z.coerce.number(),
      version: BigNumber.nullable(),
      // What an earlier version cannot read counts as nothing kept.
      state: jsonColumn(State).nullable().catch(null),
    }),
  ]),
});

/** What becomes of a bucket, and of the question that led to it. */
interface Change<T> {
  readonly result: T;
  readonly kept: SharedBucket;
}

/** Keeps the buckets in the catalog's database. */
export class SharedBucketTable implements SharedBuckets {
  readonly #tables: DiscoveryDatabase;

  constructor(tables: DiscoveryDatabase) {
    this.#tables = tables;
  }

  /** {@inheritDoc SharedBuckets.take} */
  take(
    key: string,
    request: TokenRequest,
    signal: AbortSignal,
  ): Promise<TokenGrant | undefined> {
    return this.#change(key, signal, (before, nowMs) => {
      const { grant, kept } = grantTokens(before, request, nowMs);
      return { result: grant, kept };
    });
  }

  /** {@inheritDoc SharedBuckets.pause} */
  async pause(
    key: string,
    pause: { readonly shape: TwoClassShape; readonly ms: number },
    signal: AbortSignal,
  ): Promise<void> {
    await this.#change(key, signal, (before, nowMs) => ({
      result: undefined,
      kept: pauseAll(before, pause, nowMs),
    }));
  }

  async #change<T>(
    key: string,
    signal: AbortSignal,
    decide: (before: SharedBucket | undefined, nowMs: number) => Change<T>,
  ): Promise<T | undefined> {
    const knex = await this.#tables.connect();
    if (!isPostgres(knex)) return undefined;
    for (;;) {
      signal.throwIfAborted();
      const { nowMs, state, version } = await read(knex, key);
      // Nothing is taken any more for who does not wait any more.
      signal.throwIfAborted();
      const { kept, result } = decide(state ?? undefined, nowMs);
      if (await write(knex, { key, version, kept })) return result;
    }
  }
}

async function read(knex: Knex, key: string) {
  const answer: unknown = await knex.raw(
    `select (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms, version, state
     from (select 1) as one left join ?? on bucket_key = ?`,
    [BUCKETS, key],
  );
  const [{ now_ms: nowMs, state, version }] = Read.parse(answer).rows;
  return { nowMs, state, version };
}

/** @returns whether it was written: nobody else has done so since it was read */
async function write(
  knex: Knex,
  row: {
    readonly key: string;
    readonly version: number | null;
    readonly kept: SharedBucket;
  },
): Promise<boolean> {
  const { kept, key, version } = row;
  const state = JSON.stringify(kept);
  if (version === null) {
    const made: unknown[] = await knex(BUCKETS)
      .insert({ bucket_key: key, version: 1, state })
      .onConflict('bucket_key')
      .ignore()
      .returning('bucket_key');
    return made.length > 0;
  }
  const count = await knex(BUCKETS)
    .where({ bucket_key: key, version })
    .update({ version: version + 1, state });
  return count > 0;
}
