/**
 * Serializes work for each provider: comparing with the stored state, updating the
 * catalog and storing the result is one step, on one replica and across several.
 *
 * @remarks On PostgreSQL the lock is an advisory lock in a separate transaction: it is
 * released if its holder dies. On SQLite, whose file is used by one process only, the
 * lock is in memory: with its single connection, a transaction that is open while the
 * catalog writes would be a deadlock.
 */

import pLimit from 'p-limit';
import type { Knex } from 'knex';
import { z } from 'zod';
import { KeyedLock, takeSlot } from '../util/concurrency';
import { DiscoveryDatabase } from './DiscoveryDatabase';
import { isPostgres } from './migrate';

type Limit = ReturnType<typeof pLimit>;

/** Maximum number of connections that hold a lock; the rest of the pool does the work. */
const MAX_LOCK_CONNECTIONS = 3;

const Client = z.object({ pool: z.object({ max: z.number() }) });

/** Serializes the work of each provider. */
export class ApplyLock {
  readonly #database: DiscoveryDatabase;
  readonly #ofProvider = new KeyedLock();
  #connections: Limit | undefined;

  constructor(database: DiscoveryDatabase) {
    this.#database = database;
  }

  /** Runs work exclusively for this provider. */
  run<T>(providerId: string, work: () => Promise<T>): Promise<T> {
    return this.#ofProvider.run([providerId], () =>
      this.#acrossReplicas(providerId, work),
    );
  }

  async #acrossReplicas<T>(providerId: string, work: () => Promise<T>): Promise<T> {
    const knex = await this.#database.connect();
    const connections = isPostgres(knex) ? lockConnections(knex) : 0;
    if (connections < 1) {
      return work();
    }
    this.#connections ??= pLimit(connections);
    const release = await takeSlot(this.#connections);
    try {
      return await knex.transaction(async transaction => {
        await transaction.raw(
          'select pg_advisory_xact_lock(hashtextextended(current_schema() || ?, 0))',
          [`.bitbucket_server_discovery.${providerId}`],
        );
        return work();
      });
    } finally {
      release();
    }
  }
}

/** Leaves at least one connection for the work: a pool of one cannot lock. */
function lockConnections(knex: Knex): number {
  const max = Client.safeParse(knex.client).data?.pool.max ?? MAX_LOCK_CONNECTIONS + 1;
  return Math.min(MAX_LOCK_CONNECTIONS, max - 1);
}
