/**
 * Renews stamps after refreshes. A refresh only makes the catalog process an entity sooner, in
 * which it reads with the etag that it has; a new stamp makes that read go to Bitbucket. This
 * applies to manual refreshes and to changes that other modules publish.
 */

import { LoggerService } from '@backstage/backend-plugin-api';
import { EntityProvider, EntityProviderConnection } from '@backstage/plugin-catalog-node';
import { RepositoryAddress } from '../model';
import { readSourceUrls, readUrlsBelow } from '../store/catalogState';
import { DiscoveryDatabase } from '../store/DiscoveryDatabase';
import { RepositoryStamps } from '../store/RepositoryStamps';
import { groupBy } from '../util/groupBy';
import { parseReadUrl } from './parseReadUrl';

/** For {@link RefreshedReads}. */
export interface RefreshedReadsOptions {
  /** Hosts of the integrations. */
  readonly hosts: readonly string[];
  readonly tables: DiscoveryDatabase;
  readonly stamps: Pick<RepositoryStamps, 'renew'>;
  readonly logger: LoggerService;
}

/** A changed file or repository on one of our hosts. */
interface ChangedTarget {
  readonly url: string;
  readonly host: string;
  readonly address: RepositoryAddress;
  readonly isWholeRepository: boolean;
}

/** Makes the catalog read files again. Provides no entities, but uses the connection to refresh. */
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

  /** Makes the catalog read the files of an entity again. Never throws: failures are logged. */
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
   * Makes the catalog read files again that other modules report as changed. Never throws:
   * failures are logged.
   *
   * @param urls - of files or whole repositories; those on other hosts are ignored
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
    const changed = urls.flatMap(url => toChangedTarget(url, hosts));
    for (const [host, targets] of groupBy(changed, target => target.host)) {
      const addresses = targets.map(({ address }) => address);
      await stamps.renew(host, addresses);
    }
    const files = await this.#findFiles(changed);
    if (files.length > 0) {
      // The catalog may have processed them after the refresh but before the new stamps.
      await this.#connection?.refresh({ keys: files.map(url => `url:${url}`) });
    }
  }

  async #findFiles(changed: readonly ChangedTarget[]): Promise<string[]> {
    const files = new Set<string>();
    for (const { isWholeRepository, url } of changed) {
      if (isWholeRepository) {
        const knex = await this.#options.tables.connect();
        const below = await readUrlsBelow(knex, url.replace(/\/+$/, ''));
        below.forEach(file => files.add(file));
      } else {
        files.add(url);
      }
    }
    return [...files];
  }
}

function toChangedTarget(url: string, hosts: readonly string[]): ChangedTarget[] {
  const target = parseReadUrl(url);
  const host = target && new URL(url).host;
  if (!target || host === undefined || !hosts.includes(host)) {
    return [];
  }
  return [{ url, host, address: target.address, isWholeRepository: target.path === '' }];
}
