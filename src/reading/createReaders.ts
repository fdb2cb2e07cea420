/** Makes the readers of a plugin, one per host of `integrations.bitbucketServer`. Wiring only. */

import {
  LoggerService,
  RootConfigService,
  UrlReaderService,
} from '@backstage/backend-plugin-api';
import { Config } from '@backstage/config';
import {
  BitbucketServerIntegration,
  BitbucketServerIntegrationConfig,
} from '@backstage/integration';
import { stringifyError } from '@backstage/errors';
import { openIntegrations, toIntegrationConfigs } from '../config/readIntegrations';
import { ReadingConfig, readReadingConfig } from '../config/readReadingConfig';
import { Fetch } from '../http/HttpTransport';
import { LimiterRegistry } from '../http/LimiterRegistry';
import { ReadMetrics } from '../metrics/observers';
import { Clock, systemClock } from '../util/clock';
import {
  BitbucketServerUrlReader,
  TreeResponseFactory,
} from './BitbucketServerUrlReader';
import { CatalogReads, CatalogReadsOptions } from './CatalogReads';
import { FileSource } from './FileSource';
import { ReadFailures } from './ReadFailures';

/** What readers are made of. */
export interface CreateReadersOptions {
  readonly config: RootConfigService;
  readonly pluginId: string;
  readonly logger: LoggerService;
  readonly limiters: LimiterRegistry;
  /** Of the catalog alone, which reads again and again. */
  readonly catalog?: CatalogServices;
  readonly treeResponseFactory: TreeResponseFactory;
  /** The machine's when left out. */
  readonly clock?: Clock;
  /** The global one when left out. */
  readonly fetch?: Fetch;
}

/** What the catalog's reads are decided and told by. */
export type CatalogServices = Pick<CatalogReadsOptions, 'absentReads' | 'stamps'>;

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

/**
 * Makes the readers. A change of their keys or of the credentials takes effect at once; one
 * that cannot work leaves what was before in effect.
 *
 * @throws InputError for a configuration that cannot work, naming the key and the remedy
 */
export function createReaders(options: CreateReadersOptions): HostReader[] {
  const { config, logger } = options;
  let current = readAll(config);
  const settings = () => current.settings;
  const hosts = current.integrations.map(one => createHost(one, settings, options));
  config.subscribe?.(() => {
    try {
      current = readAll(config);
    } catch (error) {
      logger.warn(
        `The changed configuration is not used for reading files, and the one before stays in effect: ${stringifyError(error)}`,
      );
      return;
    }
    for (const integration of current.integrations) {
      hosts
        .filter(({ host }) => host === integration.host)
        .forEach(({ source }) => source.useCredentials(integration));
    }
  });
  return hosts;
}

function readAll(config: Config) {
  return { settings: readReadingConfig(config), integrations: readIntegrations(config) };
}

function createHost(
  integration: BitbucketServerIntegrationConfig,
  settings: () => ReadingConfig,
  { clock = systemClock, ...options }: CreateReadersOptions,
): HostReader & { readonly host: string; readonly source: FileSource } {
  const { catalog, logger, pluginId, treeResponseFactory } = options;
  const { host } = integration;
  const metrics = new ReadMetrics(pluginId, host);
  const onRead = metrics.onRead.bind(metrics);
  const failures = new ReadFailures(logger, clock);
  const asking = { ...options, clock, integration, settings, observer: metrics };
  const source = new FileSource(asking);
  const catalogReads =
    catalog && new CatalogReads({ ...catalog, host, settings, failures, onRead, clock });
  const reader = new BitbucketServerUrlReader({
    integration: new BitbucketServerIntegration(integration),
    source,
    catalogReads,
    treeResponseFactory,
    onRead,
  });
  return { host, source, reader, predicate: url => url.host === host };
}
