/** Creates the readers of a plugin, one per host of `integrations.bitbucketServer`. Wiring only. */

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

/** For {@link createReaders}. */
export interface CreateReadersOptions {
  readonly config: RootConfigService;
  readonly pluginId: string;
  readonly logger: LoggerService;
  readonly limiters: LimiterRegistry;
  /** Set only for the catalog, which reads the same files again and again. */
  readonly catalog?: CatalogServices;
  readonly treeResponseFactory: TreeResponseFactory;
  /** The system clock when left out. */
  readonly clock?: Clock;
  /** The global function when left out. */
  readonly fetch?: Fetch;
}

/** The services that only the catalog's reads need. */
export type CatalogServices = Pick<CatalogReadsOptions, 'absentReads' | 'stamps'>;

/** A reader, and the URLs that it reads. */
interface HostReader {
  readonly reader: UrlReaderService;
  readonly predicate: (url: URL) => boolean;
}

/** Reads the integrations as Backstage does; discovery reports their problems. */
export function readIntegrations(config: Config): BitbucketServerIntegrationConfig[] {
  const findings = { problems: [], warnings: [] };
  return toIntegrationConfigs(openIntegrations(config, findings));
}

/**
 * Creates the readers. A change of their keys or of the credentials takes effect immediately; an
 * invalid one is logged, and the previous configuration stays in effect.
 *
 * @throws InputError for an invalid configuration, naming the key and the remedy
 */
export function createReaders(options: CreateReadersOptions): HostReader[] {
  const { config, logger } = options;
  let current = readAll(config);
  const settings = () => current.settings;
  const hosts = current.integrations.map(integration =>
    createHost(integration, settings, options),
  );
  config.subscribe?.(() => {
    try {
      current = readAll(config);
    } catch (error) {
      logger.warn(
        `The changed configuration is not used for reading files; the previous one stays in effect: ${stringifyError(error)}`,
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
  const sourceOptions = { ...options, clock, integration, settings, observer: metrics };
  const source = new FileSource(sourceOptions);
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
