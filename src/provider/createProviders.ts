/** Makes the providers that the configuration describes. Wiring only. */

import { LoggerService, SchedulerService } from '@backstage/backend-plugin-api';
import { BitbucketServerIntegrationConfig } from '@backstage/integration';
import { JsonObject } from '@backstage/types';
import { webBaseUrl } from '../bitbucket/webUrls';
import { CatalogReporter } from '../catalog/CatalogReporter';
import { ConfiguredProvider, DiscoveryConfig, ProviderConfig } from '../config/types';
import { ConflictServices } from '../conflicts/createConflictServices';
import { Fetch } from '../http/HttpTransport';
import { LimiterRegistry } from '../http/LimiterRegistry';
import { ProviderMetrics } from '../metrics/observers';
import { CatalogOutcomes } from '../store/CatalogOutcomes';
import { ProviderStateStore } from '../store/ProviderStateStore';
import { RepositoryStamps } from '../store/RepositoryStamps';
import { WebhookStore } from '../store/WebhookStore';
import { Clock, systemClock } from '../util/clock';
import { DiscoveryProvider } from './DiscoveryProvider';
import { CatalogErrorDetector } from './CatalogErrorDetector';
import { findAccessProblem } from './CatalogAccess';
import { CatalogWriter } from './CatalogWriter';
import { configurationFingerprint } from './configurationFingerprint';
import { ConflictDetector } from './ConflictDetector';
import { createClientFactory } from './createClient';
import { createLimiters } from './limiters';
import { getTaskId, plainLocationRef, providerName } from './locationEntities';
import { FileParser, ProviderContext } from './ProviderContext';
import { RepositoryEvaluator } from './RepositoryEvaluator';
import { RunRecorder } from './RunRecorder';
import { RunLog } from './RunLog';
import { ContestedLocations } from './ContestedLocations';
import { WebhookRecorder } from './WebhookRecorder';

/** What providers need besides the configuration. */
export interface CreateProvidersOptions {
  readonly logger: LoggerService;
  readonly scheduler: Pick<SchedulerService, 'scheduleTask'>;
  readonly store: ProviderStateStore;
  /** Left out where nobody reads by them. */
  readonly stamps?: Pick<RepositoryStamps, 'renew'>;
  /** Left out where there is no catalog to look into: nobody then asks who else claims an entity. */
  readonly conflicts?: ConflictServices;
  /** Likewise: nobody then asks what became of the files. */
  readonly inCatalog?: CatalogReporter;
  /** Left out where nobody asks whether webhooks come. */
  readonly webhooks?: WebhookStore;
  /** What became in the catalog of what it was given; left out where there is none to look into. */
  readonly outcomes?: Pick<CatalogOutcomes, 'lastReads' | 'unreadableTargets'>;
  /** Those of the backend; where left out, the providers share some of their own. */
  readonly limiters?: LimiterRegistry;
  readonly shutdownSignal?: AbortSignal;
  /** Makes what a custom location parser does for one provider; without it, the catalog reads the files itself. */
  readonly createFileParser?: (setup: FileParserSetup) => FileParser;
  /** The machine's when left out. */
  readonly clock?: Clock;
  /** The global one when left out. */
  readonly fetch?: Fetch;
}

/** What a location parser is made for. */
export interface FileParserSetup {
  readonly config: ProviderConfig;
  readonly integration: BitbucketServerIntegrationConfig;
  readonly logger: LoggerService;
  readonly clock: Clock;
}

/** One provider with the parts that others work with. */
export interface CreatedProvider {
  readonly provider: DiscoveryProvider;
  readonly evaluator: RepositoryEvaluator;
  readonly context: ProviderContext;
  readonly integration: BitbucketServerIntegrationConfig;
}

/**
 * Makes one provider per entry of `catalog.providers.bitbucketServer`; those of one host
 * and credential share a limiter.
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

/** Makes a provider; one that was made before with the same id is replaced. */
export type ProviderFactory = (provider: ConfiguredProvider) => CreatedProvider;

/** Makes what makes the providers of one backend: they know of each other. */
export function createProviderFactory(
  options: CreateProvidersOptions & { readonly limiters: LimiterRegistry },
): ProviderFactory {
  const { conflicts, scheduler } = options;
  const contested = new Map<string, ContestedLocations>();
  return ({ config: provider, integration, catalogIntegration, written }) => {
    const context = createContext(provider, {
      ...options,
      integration,
      catalogIntegration,
      written,
      all: () => [...contested.values()],
    });
    contested.set(provider.id, context.contested);
    conflicts?.resolver.add(context.contested);
    return {
      provider: new DiscoveryProvider(context, refresh =>
        scheduler.scheduleTask({
          ...provider.schedule,
          id: getTaskId(provider.id),
          fn: refresh,
        }),
      ),
      evaluator: new RepositoryEvaluator(context),
      context,
      integration,
    };
  };
}

interface ContextOptions extends CreateProvidersOptions {
  readonly integration: BitbucketServerIntegrationConfig;
  readonly catalogIntegration: BitbucketServerIntegrationConfig;
  readonly written: JsonObject;
  readonly limiters: LimiterRegistry;
  readonly all: () => readonly ContestedLocations[];
}

function createContext(config: ProviderConfig, options: ContextOptions): ProviderContext {
  const { logger, store, shutdownSignal, clock = systemClock } = options;
  const catalog = new CatalogWriter({
    ...config,
    webBaseUrl: webBaseUrl(options.integration),
  });
  const log = new RunLog(logger, config, clock);
  const metrics = new ProviderMetrics(config);
  const { fetch, integration, limiters } = options;
  const clients = createClientFactory({
    ...config,
    ...{ providerId: config.id, integration, limiters, clock, fetch },
    observer: metrics,
  });
  const contested = new ContestedLocations({
    providerId: config.id,
    store,
    catalog,
    all: options.all,
    resolver: options.conflicts?.resolver,
    clock,
    onError: error => log.reassertFailed(error),
  });
  const { conflicts, outcomes, webhooks } = options;
  const fileParser = options.createFileParser?.({ config, integration, logger, clock });
  const configuration = configurationFingerprint(config, fileParser !== undefined);
  const recorder = new RunRecorder({
    provider: config,
    store,
    configuration,
    settings: options.written,
    log,
    clock,
    observer: metrics,
  });
  const { id: providerId } = config;
  const name = providerName(providerId);
  const kept = { providerId, configuration, store, log };
  return {
    config,
    configuration,
    clients,
    fileParser,
    store,
    stamps: options.stamps,
    catalog,
    contested,
    log,
    recorder,
    unreadableTargets: outcomes && (() => outcomes.unreadableTargets(name)),
    lastReads: outcomes && (urls => outcomes.lastReads(byRef(urls))),
    findAccessProblem: createAccessCheck(config, { ...options, clock }),
    conflicts: conflicts && new ConflictDetector({ ...conflicts, providerId, log }),
    catalogErrors: createErrorDetector(providerId, log, options),
    webhooks: webhooks && new WebhookRecorder({ ...kept, webhooks }),
    clock,
    shutdownSignal,
  };
}

function createAccessCheck(config: ProviderConfig, options: ContextOptions & Timed) {
  const setup = { ...options, config, requestTimeoutMs: config.requestTimeoutMs };
  return (signal?: AbortSignal) => findAccessProblem(setup, signal);
}

function byRef(urls: readonly string[]): Map<string, string> {
  return new Map(urls.map(url => [plainLocationRef(url), url]));
}

interface Timed {
  readonly clock: Clock;
}

function createErrorDetector(
  providerId: string,
  log: RunLog,
  { conflicts, inCatalog, logger }: ContextOptions,
): CatalogErrorDetector | undefined {
  return (
    conflicts &&
    inCatalog &&
    new CatalogErrorDetector({
      providerId,
      log,
      logger,
      inCatalog,
      conflicts: conflicts.reporter,
    })
  );
}
