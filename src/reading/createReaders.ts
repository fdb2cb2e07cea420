/** Makes the readers of a plugin, one per host of `integrations.bitbucketServer`. Wiring only. */

import { LoggerService, UrlReaderService } from '@backstage/backend-plugin-api';
import { Config } from '@backstage/config';
import {
  BitbucketServerIntegration,
  BitbucketServerIntegrationConfig,
} from '@backstage/integration';
import { openIntegrations, toIntegrationConfigs } from '../config/readIntegrations';
import { readReadingConfig } from '../config/readReadingConfig';
import { Fetch } from '../http/HttpTransport';
import { LimiterRegistry } from '../http/LimiterRegistry';
import { ReadMetrics } from '../metrics/observers';
import { RepositoryStamps } from '../store/RepositoryStamps';
import { Clock, systemClock } from '../util/clock';
import {
  BitbucketServerUrlReader,
  TreeResponseFactory,
} from './BitbucketServerUrlReader';
import { CatalogReads } from './CatalogReads';
import { FileSource } from './FileSource';
import { ReadFailures } from './ReadFailures';

/** What readers are made of. */
export interface CreateReadersOptions {
  readonly config: Config;
  readonly pluginId: string;
  readonly logger: LoggerService;
  readonly limiters: LimiterRegistry;
  /** In the catalog's database; the catalog alone has something to remember. */
  readonly stamps?: Pick<RepositoryStamps, 'load'>;
  readonly treeResponseFactory: TreeResponseFactory;
  /** The machine's when left out. */
  readonly clock?: Clock;
  /** The global one when left out. */
  readonly fetch?: Fetch;
}

/** A reader, and the URLs it is for. */
interface HostReader {
  readonly reader: UrlReaderService;
  readonly predicate: (url: URL) => boolean;
}

/** The integrations as Backstage reads them: what is wrong with one, discovery says. */
export function readIntegrations(config: Config): BitbucketServerIntegrationConfig[] {
  const findings = { problems: [], warnings: [] };
  return toIntegrationConfigs(openIntegrations(config, findings));
}

/** @throws InputError for a configuration that cannot work, naming the key and the remedy */
export function createReaders(options: CreateReadersOptions): HostReader[] {
  const { clock = systemClock, config, logger, pluginId, stamps } = options;
  const reading = readReadingConfig(config);
  return readIntegrations(config).map(integration => {
    const { host } = integration;
    const metrics = new ReadMetrics(pluginId, host);
    const onRead = metrics.onRead.bind(metrics);
    const failures = new ReadFailures(logger, clock);
    const { maxWaitMs } = reading;
    const asking = { ...options, clock, integration, maxWaitMs, observer: metrics };
    const catalogReads =
      stamps &&
      new CatalogReads({ host, config: reading, stamps, failures, onRead, clock });
    const reader = new BitbucketServerUrlReader({
      integration: new BitbucketServerIntegration(integration),
      source: new FileSource(asking),
      catalogReads,
      treeResponseFactory: options.treeResponseFactory,
      onRead,
    });
    return { reader, predicate: url => url.host === host };
  });
}
