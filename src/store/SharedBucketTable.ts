/**
 * The token buckets that the replicas of a backend share: a row for each host and user, on
 * PostgreSQL only. The time is the database's.
 *
 * @remarks Nothing is locked: a row is read, and written only if no other replica has written it
 * since. A replica that stops in between does not block others.
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
import { DiscoveryDatabase, withinTime } from './DiscoveryDatabase';
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
      // A state that this version cannot read counts as missing.
      state: jsonColumn(State).nullable().catch(null),
    }),
  ]),
});

/** The result for the caller, and the bucket to store. */
interface Change<T> {
  readonly result: T;
  readonly kept: SharedBucket;
}

/** Stores the buckets in the catalog's database. */
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
      // A caller that no longer waits takes nothing.
      signal.throwIfAborted();
      const { kept, result } = decide(state ?? undefined, nowMs);
      if (await write(knex, { key, version, kept })) return result;
    }
  }
}

async function read(knex: Knex, key: string) {
  const query = knex.raw(
    `select (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms, version, state
     from (select 1) as one left join ?? on bucket_key = ?`,
    [BUCKETS, key],
  );
  const answer: unknown = await withinTime(knex, query);
  const [{ now_ms: nowMs, state, version }] = Read.parse(answer).rows;
  return { nowMs, state, version };
}

/** @returns whether the row was written; `false` if it has changed since it was read */
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
    const insert = knex(BUCKETS)
      .insert({ bucket_key: key, version: 1, state })
      .onConflict('bucket_key')
      .ignore()
      .returning('bucket_key');
    const inserted: unknown[] = await withinTime(knex, insert);
    return inserted.length > 0;
  }
  const update = knex(BUCKETS)
    .where({ bucket_key: key, version })
    .update({ version: version + 1, state });
  return (await withinTime(knex, update)) > 0;
}
