/**
 * One after the other: comparing with what is stored, telling the catalog and storing the
 * result is one step of one provider, on one replica and on several.
 *
 * @remarks On PostgreSQL the lock is an advisory one of a transaction of its own: it dies
 * with its holder. On SQLite, of which one process uses a file, it lives in the process: a
 * transaction that is open while the catalog writes would wait for itself there, as there
 * is one connection only.
 */

import pLimit from 'p-limit';
import type { Knex } from 'knex';
import { z } from 'zod';
import { KeyedLock, takeSlot } from '../util/concurrency';
import { DiscoveryDatabase } from './DiscoveryDatabase';
import { isPostgres } from './migrate';

type Limit = ReturnType<typeof pLimit>;

/** Connections that hold a lock while others do the work; the rest of the pool is for that. */
const MAX_LOCK_CONNECTIONS = 3;

const Client = z.object({ pool: z.object({ max: z.number() }) });

/** Serialises the work of each provider. */
export class ApplyLock {
  readonly #database: DiscoveryDatabase;
  readonly #ofProvider = new KeyedLock();
  #connections: Limit | undefined;

  constructor(database: DiscoveryDatabase) {
    this.#database = database;
  }

  /** Does the work while nobody else does any for this provider. */
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

/** At least one has to be left for the work: a pool of one cannot lock. */
function lockConnections(knex: Knex): number {
  const max = Client.safeParse(knex.client).data?.pool.max ?? MAX_LOCK_CONNECTIONS + 1;
  return Math.min(MAX_LOCK_CONNECTIONS, max - 1);
}
