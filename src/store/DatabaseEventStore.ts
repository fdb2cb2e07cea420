/** Default branches and claimed webhooks in tables of their own, the same for every replica. */

import { z } from 'zod';
import { DiscoveryDatabase } from './DiscoveryDatabase';
import { Delivery, DeliveryClaim, EventStore } from './EventStore';

const BRANCHES = 'bitbucket_server_discovery_branches';
const DELIVERIES = 'bitbucket_server_discovery_deliveries';

const BranchRow = z.object({ default_branch: z.string() });

const ClaimRows = z.array(z.object({ identity: z.string() }));

/** Stores in the catalog's database. */
export class DatabaseEventStore implements EventStore {
  readonly #database: DiscoveryDatabase;

  constructor(database: DiscoveryDatabase) {
    this.#database = database;
  }

  async loadDefaultBranch(
    host: string,
    repositoryId: number,
    notBeforeMs: number,
  ): Promise<string | undefined> {
    const knex = await this.#database.connect();
    const row: unknown = await knex(BRANCHES)
      .where({ host, repository_id: repositoryId })
      .andWhere('read_at_ms', '>=', notBeforeMs)
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
        default_branch: name,
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
    nowMs: number,
    keepForMs: number,
  ): Promise<DeliveryClaim> {
    const knex = await this.#database.connect();
    await knex(DELIVERIES)
      .where('taken_at_ms', '<=', nowMs - keepForMs)
      .delete();
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
