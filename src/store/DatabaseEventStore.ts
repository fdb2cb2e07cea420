/** Default branches and claimed webhooks in tables of their own, the same for every replica. */

import { z } from 'zod';
import { storableText } from '../util/text';
import { DiscoveryDatabase } from './DiscoveryDatabase';
import { Delivery, DeliveryClaim, EventStore, Validity } from './EventStore';

const BRANCHES = 'bitbucket_server_discovery_branches';
const DELIVERIES = 'bitbucket_server_discovery_deliveries';

const CLEAN_INTERVAL_MS = 60_000;

const BranchRow = z.object({ default_branch: z.string() });

const ClaimRows = z.array(z.object({ identity: z.string() }));

/** Stores in the catalog's database. */
export class DatabaseEventStore implements EventStore {
  readonly #database: DiscoveryDatabase;
  #cleanedAtMs = -Infinity;

  constructor(database: DiscoveryDatabase) {
    this.#database = database;
  }

  async loadDefaultBranch(
    host: string,
    repositoryId: number,
    validity: Validity,
  ): Promise<string | undefined> {
    const knex = await this.#database.connect();
    const row: unknown = await knex(BRANCHES)
      .where({ host, repository_id: repositoryId })
      .whereBetween('read_at_ms', boundsOf(validity))
      .first();
    return BranchRow.safeParse(row).data?.default_branch;
  }

  async saveDefaultBranch(
    host: string,
    repositoryId: number,
    { name, readAtMs }: { readonly name: string; readonly readAtMs: number },
  ): Promise<void> {
    const knex = await this.#database.connect();
    await knex(BRANCHES)
      .insert({
        host,
        repository_id: repositoryId,
        default_branch: storableText(name),
        read_at_ms: readAtMs,
      })
      .onConflict(['host', 'repository_id'])
      .merge();
  }

  async forgetDefaultBranch(host: string, repositoryId: number): Promise<void> {
    const knex = await this.#database.connect();
    await knex(BRANCHES).where({ host, repository_id: repositoryId }).delete();
  }

  async claimDelivery(
    { contentHash, arrivalHash }: Delivery,
    validity: Validity,
  ): Promise<DeliveryClaim> {
    const knex = await this.#database.connect();
    const { nowMs } = validity;
    if (Math.abs(nowMs - this.#cleanedAtMs) >= CLEAN_INTERVAL_MS) {
      this.#cleanedAtMs = nowMs;
      await knex(DELIVERIES).whereNotBetween('taken_at_ms', boundsOf(validity)).delete();
    }
    const rows: unknown = await knex(DELIVERIES)
      .insert(
        [contentHash, arrivalHash].map(identity => ({ identity, taken_at_ms: nowMs })),
      )
      .onConflict('identity')
      .ignore()
      .returning('identity');
    const claimed = ClaimRows.parse(rows).map(row => row.identity);
    if (claimed.includes(contentHash)) {
      return 'first';
    }
    return claimed.includes(arrivalHash) ? 'copy' : 'repeated';
  }
}

/** The first and the last moment that count. */
function boundsOf({ nowMs, keepForMs }: Validity): [number, number] {
  return [nowMs - keepForMs + 1, nowMs + keepForMs];
}
