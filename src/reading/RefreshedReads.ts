/**
 * What is not in the catalog's hands when it is asked to read again: it only moves up the next
 * processing, in which it asks with the etag that it has. Whoever refreshes an entity by hand
 * wants what is in Bitbucket now, and so does whoever publishes that something has changed.
 */

import { LoggerService } from '@backstage/backend-plugin-api';
import { EntityProvider, EntityProviderConnection } from '@backstage/plugin-catalog-node';
import { RepositoryAddress } from '../model';
import { readSourceUrls, readUrlsBelow } from '../store/catalogState';
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

/** Something of ours that is to be read. */
interface ToRead {
  readonly url: string;
  readonly host: string;
  readonly address: RepositoryAddress;
  readonly isWholeRepository: boolean;
}

/** Has files read anew. Provides no entities: it asks for refreshes. */
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

  /** Has what an entity is made from read anew. Never throws: the catalog has answered already. */
  async follow(entityRef: string): Promise<void> {
    try {
      const knex = await this.#options.tables.connect();
      await this.#readAgain(await readSourceUrls(knex, entityRef));
    } catch (error) {
      this.#options.logger.warn(
        `The files of ${entityRef} are read again only once they are old: ${error}`,
      );
    }
  }

  /**
   * Has files read anew that others say have changed. Never throws: they wait for nobody.
   *
   * @param urls - of files, or of whole repositories; of anybody's
   */
  async followChanges(urls: readonly string[]): Promise<void> {
    try {
      await this.#readAgain(urls);
    } catch (error) {
      this.#options.logger.warn(
        `Files that have changed are read again only once they are old: ${error}`,
      );
    }
  }

  async #readAgain(urls: readonly string[]): Promise<void> {
    const { hosts, stamps } = this.#options;
    const changed = urls.flatMap(url => toRead(url, hosts));
    for (const host of new Set(changed.map(one => one.host))) {
      const addresses = changed.filter(one => one.host === host).map(one => one.address);
      await stamps.renew(host, addresses);
    }
    const files = await this.#filesOf(changed);
    if (files.length > 0) {
      // The catalog may have processed them between what it was asked and the new stamps.
      await this.#connection?.refresh({ keys: files.map(url => `url:${url}`) });
    }
  }

  async #filesOf(changed: readonly ToRead[]): Promise<string[]> {
    const files = new Set<string>();
    for (const { isWholeRepository, url } of changed) {
      if (isWholeRepository) {
        const knex = await this.#options.tables.connect();
        const below = await readUrlsBelow(knex, url.replace(/\/+$/, ''));
        below.forEach(one => files.add(one));
      } else {
        files.add(url);
      }
    }
    return [...files];
  }
}

function toRead(url: string, hosts: readonly string[]): ToRead[] {
  const target = parseReadUrl(url);
  const host = target && new URL(url).host;
  if (!target || host === undefined || !hosts.includes(host)) {
    return [];
  }
  return [{ url, host, address: target.address, isWholeRepository: target.path === '' }];
}
