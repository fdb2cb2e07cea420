/**
 * A stamp for each repository from which the catalog reads files: unchanged as long as no
 * change is known. Stored in a table, so that it is shared by all replicas.
 */

import { z } from 'zod';
import { RepositoryAddress } from '../model';
import { Clock } from '../util/clock';
import { sha256, storableText } from '../util/text';
import { DiscoveryDatabase, withinTime } from './DiscoveryDatabase';
import { toSortKey } from './tables';

const STAMPS = 'bitbucket_server_discovery_stamps';

const StampRow = z.object({ stamp: z.string() });

/** Reads and renews stamps. */
export class StampTable {
  readonly #tables: DiscoveryDatabase;
  readonly #clock: Pick<Clock, 'random'>;

  constructor(tables: DiscoveryDatabase, clock: Pick<Clock, 'random'>) {
    this.#tables = tables;
    this.#clock = clock;
  }

  /** Returns the current stamp of a repository; creates it if there is none. */
  async load(host: string, address: RepositoryAddress): Promise<string> {
    const knex = await this.#tables.connect();
    const key = { repository_hash: toStampKey(host, address) };
    const read = async (): Promise<unknown> =>
      withinTime(knex, knex(STAMPS).where(key).first('stamp'));
    const row = await read();
    if (row !== undefined) {
      return StampRow.parse(row).stamp;
    }
    const insert = knex(STAMPS)
      .insert({
        ...key,
        host,
        project_key: storableText(address.projectKey),
        slug: storableText(address.slug),
        stamp: this.#random(),
      })
      .onConflict('repository_hash')
      .ignore();
    await withinTime(knex, insert);
    return StampRow.parse(await read()).stamp;
  }

  /**
   * Invalidates everything that was read from these repositories; those that were never read
   * have no stamp.
   *
   * @param addresses - as many as fit into one statement
   */
  async renew(host: string, addresses: readonly RepositoryAddress[]): Promise<void> {
    const keys = addresses.map(address => toStampKey(host, address));
    const knex = await this.#tables.connect();
    const stamp = this.#random();
    const update = knex(STAMPS).whereIn('repository_hash', keys).update({ stamp });
    await withinTime(knex, update);
  }

  /** Invalidates everything that was read from a host. */
  async renewAll(host: string): Promise<void> {
    const knex = await this.#tables.connect();
    await withinTime(
      knex,
      knex(STAMPS).where({ host }).update({ stamp: this.#random() }),
    );
  }

  #random(): string {
    const part = () => this.#clock.random().toString(36).slice(2);
    return `${part()}${part()}`;
  }
}

function toStampKey(host: string, { projectKey, slug }: RepositoryAddress): string {
  return sha256([host, projectKey, slug].map(toSortKey).join('/'));
}
