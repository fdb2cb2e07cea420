/** Creates the providers that the configuration describes. Wiring only. */

import { LoggerService } from '@backstage/backend-plugin-api';
import { BitbucketServerIntegrationConfig } from '@backstage/integration';
import { webBaseUrl } from '../bitbucket/webUrls';
import { CatalogReporter } from '../catalog/CatalogReporter';
import { ConfiguredProvider, DiscoveryConfig, ProviderConfig } from '../config/types';
import { ConflictServices } from '../conflicts/createConflictServices';
import { scopeFingerprint } from '../discovery/resume';
import { Fetch } from '../http/HttpTransport';
import { LimiterRegistry } from '../http/LimiterRegistry';
import { ProviderMetrics } from '../metrics/observers';
import { CatalogOutcomes } from '../store/CatalogOutcomes';
import { ProviderStateStore } from '../store/ProviderStateStore';
import { RepositoryStamps } from '../store/RepositoryStamps';
import { WebhookStore } from '../store/WebhookStore';
import { Clock, systemClock } from '../util/clock';
import { sha256 } from '../util/text';
import { DiscoveryProvider } from './DiscoveryProvider';
import { CatalogWriter } from './CatalogWriter';
import { ConflictDetector, CatalogErrorDetector } from './catalogDetectors';
import { createClientFactory, findAccessProblem } from './createClient';
import { createLimiters } from './limiters';
import { plainLocationRef, providerName } from './locationEntities';
import { FileParser, ProviderContext } from './ProviderContext';
import { RepositoryEvaluator } from './RepositoryEvaluator';
import { RunRecorder } from './RunRecorder';
import { RunLog } from './RunLog';
import { ContestedLocations } from './ContestedLocations';
import { WebhookRecorder } from './WebhookRecorder';

/** Dependencies of providers in addition to the configuration. */
export interface CreateProvidersOptions {
  readonly logger: LoggerService;
  readonly store: ProviderStateStore;
  /** `undefined` if no reader of files uses them. */
  readonly stamps?: Pick<RepositoryStamps, 'renew'>;
  /** `undefined` without access to a catalog; conflicts are not detected then. */
  readonly conflicts?: ConflictServices;
  /** `undefined` without access to a catalog; errors of the catalog are not reported then. */
  readonly inCatalog?: CatalogReporter;
  /** `undefined` if the delivery of webhooks is not observed. */
  readonly webhooks?: WebhookStore;
  /** Results of the catalog for emitted entities; `undefined` without access to a catalog. */
  readonly outcomes?: Pick<CatalogOutcomes, 'lastReads' | 'unreadableTargets'>;
  /** The limiters of the backend; if left out, the providers share their own. */
  readonly limiters?: LimiterRegistry;
  readonly shutdownSignal?: AbortSignal;
  /** Creates the custom location parser of one provider; without it, the catalog reads the files itself. */
  readonly createFileParser?: (setup: FileParserSetup) => FileParser;
  /** Default: the system clock. */
  readonly clock?: Clock;
  /** Default: the global `fetch`. */
  readonly fetch?: Fetch;
}

/** The provider that a location parser is created for. */
export interface FileParserSetup {
  readonly config: ProviderConfig;
  readonly integration: BitbucketServerIntegrationConfig;
  readonly logger: LoggerService;
  readonly clock: Clock;
}

/** One provider with the parts that other modules use. */
export interface CreatedProvider {
  readonly provider: DiscoveryProvider;
  readonly evaluator: RepositoryEvaluator;
  readonly context: ProviderContext;
  readonly integration: BitbucketServerIntegrationConfig;
}

/**
 * Creates one provider per entry of `catalog.providers.bitbucketServer`; providers with the
 * same host and credential share a limiter.
 */
export function createProviders(
  { providers, warnings }: DiscoveryConfig,
  options: CreateProvidersOptions,
): CreatedProvider[] {
  const { logger, clock } = options;
  const onWarning = (warning: string) => logger.warn(warning);
  warnings.forEach(onWarning);
  const limiters = options.limiters ?? createLimiters(providers, { clock, onWarning });
  const create = createProviderFactory({ ...options, limiters });
  return providers.map(create);
}

/** Creates a provider, which replaces an earlier one with the same id. */
export type ProviderFactory = (provider: ConfiguredProvider) => CreatedProvider;

/** Creates the factory for the providers of one backend, through which they know each other. */
export function createProviderFactory(
  options: CreateProvidersOptions & { readonly limiters: LimiterRegistry },
): ProviderFactory {
  const { conflicts } = options;
  const contested = new Map<string, ContestedLocations>();
  return provider => {
    const all = () => [...contested.values()];
    const context = createContext(provider, { ...options, all });
    contested.set(provider.config.id, context.contested);
    conflicts?.resolver.add(context.contested);
    return {
      provider: new DiscoveryProvider(context),
      evaluator: new RepositoryEvaluator(context),
      context,
      integration: provider.integration,
    };
  };
}

interface ContextOptions extends CreateProvidersOptions {
  readonly limiters: LimiterRegistry;
  readonly all: () => readonly ContestedLocations[];
}

function createContext(
  { config, integration, catalogIntegration, written }: ConfiguredProvider,
  options: ContextOptions,
): ProviderContext {
  const { conflicts, inCatalog, logger, outcomes, webhooks } = options;
  const { fetch, limiters, store, clock = systemClock } = options;
  const { credentials, id: providerId, requestTimeoutMs } = config;
  const catalog = new CatalogWriter({ ...config, webBaseUrl: webBaseUrl(integration) });
  const log = new RunLog(logger, config, clock);
  const metrics = new ProviderMetrics(config);
  const fileParser = options.createFileParser?.({ config, integration, logger, clock });
  const configuration = configurationFingerprint(config, fileParser !== undefined);
  const name = providerName(providerId);
  const requests = { clock, fetch, limiters, requestTimeoutMs };
  const shared = { clock, configuration, log, providerId, store };
  return {
    config,
    configuration,
    clients: createClientFactory({
      ...requests,
      ...{ providerId, integration, credentials, observer: metrics },
    }),
    fileParser,
    store,
    stamps: options.stamps,
    catalog,
    contested: new ContestedLocations({
      ...shared,
      catalog,
      all: options.all,
      resolver: conflicts?.resolver,
      onError: error => log.reassertFailed(error),
    }),
    log,
    recorder: new RunRecorder({
      ...shared,
      provider: config,
      settings: written,
      observer: metrics,
    }),
    unreadableTargets: outcomes && (() => outcomes.unreadableTargets(name)),
    lastReads:
      outcomes &&
      (urls =>
        outcomes.lastReads(new Map(urls.map(url => [plainLocationRef(url), url])))),
    findAccessProblem: signal =>
      findAccessProblem({ ...requests, config, catalogIntegration }, signal),
    conflicts: conflicts && new ConflictDetector({ ...conflicts, providerId, log }),
    catalogErrors:
      conflicts &&
      inCatalog &&
      new CatalogErrorDetector({
        ...{ providerId, log, logger, inCatalog },
        conflicts: conflicts.reporter,
      }),
    webhooks: webhooks && new WebhookRecorder({ ...shared, webhooks }),
    clock,
    shutdownSignal: options.shutdownSignal,
  };
}

/**
 * Returns a fingerprint of the settings that decide what a run finds: server, paths, branch,
 * the maximum number of files per repository, filters, and whether a location parser creates
 * the entities. Schedule, pace, guards and credentials are not part of it.
 *
 * @returns a SHA-256 hash in hexadecimal
 */
export function configurationFingerprint(
  config: ProviderConfig,
  isParsed: boolean,
): string {
  const { filters, maxFilesPerRepository } = config;
  const scope = scopeFingerprint({ ...config, isParsed });
  return sha256(JSON.stringify([scope, maxFilesPerRepository, filters]));
}
