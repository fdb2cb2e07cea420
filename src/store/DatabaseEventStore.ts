/**
 * Stores default branches and claimed webhooks in separate tables, shared by all
 * replicas.
 */

import { z } from 'zod';
import { storableText } from '../util/text';
import { DiscoveryDatabase, withinTime } from './DiscoveryDatabase';

const BRANCHES = 'bitbucket_server_discovery_branches';
const DELIVERIES = 'bitbucket_server_discovery_deliveries';

const CLEAN_INTERVAL_MS = 60_000;

const BranchRow = z.object({ default_branch: z.string() });

const ClaimRows = z.array(z.object({ identity: z.string() }));

/**
 * How long a stored value is valid. A clock that was wrong once at most doubles that
 * time.
 */
export interface Validity {
  /** Epoch milliseconds. */
  readonly nowMs: number;
  readonly keepForMs: number;
}

/** Identifies a received webhook, in hashes of 64 characters. */
export interface Delivery {
  /** Hash of event key and content, independent of the topic. */
  readonly contentHash: string;
  /**
   * Hash that also includes the topic: one webhook may arrive on the plain topic and on a
   * sub-topic.
   */
  readonly arrivalHash: string;
}

/**
 * `first`: the webhook has to be handled. `copy`: it is handled already and arrives on
 * another topic for the first time. `repeated`: it arrived on this topic before.
 */
export type DeliveryClaim = 'first' | 'copy' | 'repeated';

/** What the handling of events needs of the store. */
export type EventStore = Pick<DatabaseEventStore, keyof DatabaseEventStore>;

/** Stores default branches and claimed webhooks in the catalog's database. */
export class DatabaseEventStore {
  readonly #database: DiscoveryDatabase;
  #cleanedAtMs = -Infinity;

  constructor(database: DiscoveryDatabase) {
    this.#database = database;
  }

  /**
   * Loads the default branch of a repository as last read.
   *
   * @param validity - values read outside of it are ignored
   * @returns its short name; `undefined` if it is not known
   */
  async loadDefaultBranch(
    host: string,
    repositoryId: number,
    validity: Validity,
  ): Promise<string | undefined> {
    const knex = await this.#database.connect();
    const row: unknown = await knex(BRANCHES)
      .where({ host, repository_id: repositoryId })
      .whereBetween('read_at_ms', getBounds(validity))
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

  /**
   * Claims a webhook for this replica, unless it is claimed already.
   *
   * @param validity - how long no other replica can claim it: at most a minute longer
   */
  async claimDelivery(
    { contentHash, arrivalHash }: Delivery,
    validity: Validity,
  ): Promise<DeliveryClaim> {
    const knex = await this.#database.connect();
    const { nowMs } = validity;
    if (Math.abs(nowMs - this.#cleanedAtMs) >= CLEAN_INTERVAL_MS) {
      this.#cleanedAtMs = nowMs;
      await knex(DELIVERIES).whereNotBetween('taken_at_ms', getBounds(validity)).delete();
    }
    const insert = knex(DELIVERIES)
      .insert(
        [contentHash, arrivalHash].map(identity => ({ identity, taken_at_ms: nowMs })),
      )
      .onConflict('identity')
      .ignore()
      .returning('identity');
    const rows: unknown = await withinTime(knex, insert);
    const claimed = ClaimRows.parse(rows).map(row => row.identity);
    if (claimed.includes(contentHash)) {
      return 'first';
    }
    return claimed.includes(arrivalHash) ? 'copy' : 'repeated';
  }
}

/** Returns the first and the last valid time. */
function getBounds({ nowMs, keepForMs }: Validity): [number, number] {
  return [nowMs - keepForMs + 1, nowMs + keepForMs];
}
