/**
 * Whoever has an entity refreshed by hand wants what is in Bitbucket now: the catalog only
 * moves up the next processing, in which it asks with the etag that it has.
 */

import { LoggerService } from '@backstage/backend-plugin-api';
import { EntityProvider, EntityProviderConnection } from '@backstage/plugin-catalog-node';
import { RepositoryAddress } from '../model';
import { readSourceUrls } from '../store/catalogState';
import { DiscoveryDatabase } from '../store/DiscoveryDatabase';
import { RepositoryStamps } from '../store/RepositoryStamps';
import { parseReadUrl } from './parseReadUrl';

/** What refreshes are followed up with. */
export interface RefreshedReadsOptions {
  /** Of the integrations. */
  readonly hosts: readonly string[];
  readonly tables: DiscoveryDatabase;
  readonly stamps: Pick<RepositoryStamps, 'renew'>;
  readonly logger: LoggerService;
}

/** Has the files of refreshed entities read anew. Provides no entities: it asks for refreshes. */
export class RefreshedReads implements EntityProvider {
  readonly #options: RefreshedReadsOptions;
  #connection: EntityProviderConnection | undefined;

  constructor(options: RefreshedReadsOptions) {
    this.#options = options;
  }

  getProviderName(): string {
    return 'bitbucketServer-urlReader';
  }

  async connect(connection: EntityProviderConnection): Promise<void> {
    this.#connection = connection;
  }

  /** Never throws: the catalog has answered already. */
  async follow(entityRef: string): Promise<void> {
    try {
      await this.#readAgain(entityRef);
    } catch (error) {
      this.#options.logger.warn(
        `The files of ${entityRef} are read again only once they are old: ${error}`,
      );
    }
  }

  async #readAgain(entityRef: string): Promise<void> {
    const { hosts, stamps, tables } = this.#options;
    const knex = await tables.connect();
    const urls = await readSourceUrls(knex, entityRef);
    const read = urls.flatMap(url => toRead(url, hosts));
    for (const host of new Set(read.map(one => one.host))) {
      const addresses = read.filter(one => one.host === host).map(one => one.address);
      await stamps.renew(host, addresses);
    }
    if (read.length > 0) {
      // The catalog may have processed them between its answer and the new stamps.
      await this.#connection?.refresh({ keys: read.map(one => `url:${one.url}`) });
    }
  }
}

function toRead(
  url: string,
  hosts: readonly string[],
): {
  readonly url: string;
  readonly host: string;
  readonly address: RepositoryAddress;
}[] {
  const target = parseReadUrl(url);
  const host = target && new URL(url).host;
  return target && host !== undefined && hosts.includes(host)
    ? [{ url, host, address: target.address }]
    : [];
}
