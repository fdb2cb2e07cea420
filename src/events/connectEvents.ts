/** Connects the providers to the events service. Wiring only. */

import { LoggerService } from '@backstage/backend-plugin-api';
import { Config } from '@backstage/config';
import { EventsService } from '@backstage/plugin-events-node';
import { repositoryUrl, webBaseUrl } from '../bitbucket/webUrls';
import { AbsentRead, AbsentReads } from '../provider/absentReads';
import { CreatedProvider } from '../provider/createProviders';
import { EventStore } from '../store/DatabaseEventStore';
import { RepositoryStamps } from '../store/RepositoryStamps';
import { WebhookStore } from '../store/WebhookStore';
import { Clock } from '../util/clock';
import { RestClient } from '../bitbucket/RestClient';
import { EventLanes, RecentRefusals } from './changeQueue';
import { formatAddress } from '../util/text';
import { EventObserver } from './eventResults';
import { RepositoryChange } from './repositoryChanges';
import { ReceivedEvents } from './ReceivedEvents';
import { ProjectChangeHandler } from './ProjectChangeHandler';
import { RepositoryChangeHandler } from './RepositoryChangeHandler';
import { ScmEventPublisher, ScmEvents } from './scmEvents';
import { ChangeHandler, WebhookSubscriber } from './WebhookSubscriber';
import { findHolder, getAddresses, RelevanceContext } from './relevance';

/** Options for {@link connectEvents}. */
interface EventHandlingOptions {
  /** Each as currently configured. */
  readonly providers: readonly { readonly current: CreatedProvider }[];
  /** The configuration of the backend. */
  readonly config: Config;
  readonly scmEvents: ScmEvents;
  readonly eventStore: EventStore;
  /** Files that the catalog's reads found missing; `undefined` without our reader of files. */
  readonly absentReads?: AbsentReads;
  /** Notes changed repositories for the reader of files. */
  readonly stamps?: Pick<RepositoryStamps, 'renew'>;
  /** `undefined` if the delivery of webhooks is not observed. */
  readonly webhooks?: Pick<WebhookStore, 'recordEvent'>;
  readonly logger: LoggerService;
  readonly clock: Clock;
  /** Ends all handling. */
  readonly signal: AbortSignal;
  readonly observer?: EventObserver;
}

/** Handles changes and missing files for one provider. */
interface ProviderHandler extends ChangeHandler {
  /** Requests a check of the repository whose file is gone. */
  recheck(read: AbsentRead): Promise<void>;
}

/** Creates a handler for each provider and subscribes all of them to the events. */
export async function connectEvents(
  events: EventsService,
  options: EventHandlingOptions,
): Promise<void> {
  const { absentReads, providers, clock, eventStore, logger, observer } = options;
  if (providers.length > 0) {
    const handlers = providers.map(provider => createLiveHandler(provider, options));
    absentReads?.listen(read => {
      for (const handler of handlers) {
        handler.recheck(read).catch(error => {
          logger.debug(
            `${formatAddress(read.address)} is left to the next run: ${error}`,
          );
        });
      }
    });
    const subscriber = new WebhookSubscriber({
      handlers,
      deliveries: eventStore,
      logger,
      clock,
      observer,
    });
    await subscriber.subscribe(events);
  }
}

/**
 * Handles each change with the configuration at its arrival. A new configuration also forgets
 * the refusals that were remembered under the previous one.
 */
function createLiveHandler(
  provider: { readonly current: CreatedProvider },
  options: EventHandlingOptions,
): ProviderHandler {
  const handlers = new WeakMap<CreatedProvider, ProviderHandler>();
  const getHandler = () => {
    const { current } = provider;
    const handler = handlers.get(current) ?? createHandler(current, options);
    handlers.set(current, handler);
    return handler;
  };
  return {
    handle: change => getHandler().handle(change),
    recheck: read => getHandler().recheck(read),
  };
}

function createHandler(
  created: CreatedProvider,
  options: EventHandlingOptions,
): ProviderHandler {
  const { config, scmEvents, eventStore, signal } = options;
  const { context, evaluator, integration, provider } = created;
  const { clients, clock } = context;
  const { branch, concurrency, host } = context.config;
  const logger = options.logger.child({ provider: provider.getProviderName() });
  const openClient = async () => {
    const client = clients.createForEvent();
    await clients.prepare(client, signal);
    return client;
  };
  const tools = {
    openClient,
    clients,
    relevance: createRelevanceContext(created, eventStore, openClient, signal),
    lanes: new EventLanes({ concurrency, clock, signal, logger }),
    refusals: new RecentRefusals({ clock, logger }),
    logger,
    clock,
    signal,
  };
  const repositories = new RepositoryChangeHandler({
    ...tools,
    host,
    evaluator,
    branches: eventStore,
    publisher: new ScmEventPublisher({
      scmEvents,
      perFile: isAnyScmEventHandled(config),
      configuredBranch: branch,
      repositoryUrl: repository => repositoryUrl(repository, integration),
    }),
  });
  const projects = new ProjectChangeHandler({ ...tools, context, repositories });
  const { id: providerId } = context.config;
  const received =
    options.webhooks &&
    new ReceivedEvents({ ...tools, providerId, webhooks: options.webhooks });
  return {
    async handle(change: RepositoryChange) {
      const arrivedAtMs = clock.now();
      await renewStamps(change, host, options.stamps);
      try {
        return await (change.type === 'project-modified'
          ? projects.handle(change)
          : repositories.handle(change));
      } finally {
        await received?.note(change, arrivedAtMs);
      }
    },
    recheck: read => recheck(read, host, tools.relevance, repositories),
  };
}

async function recheck(
  { address, url, host: readFrom }: AbsentRead,
  host: string,
  relevance: RelevanceContext,
  repositories: RepositoryChangeHandler,
): Promise<void> {
  if (readFrom !== host) {
    return;
  }
  const selector = { repositoryIds: [], addresses: [address] };
  const holder = findHolder(await relevance.findRelated(selector), url);
  if (holder) {
    const { projectKey, repositoryId: id, slug } = holder;
    const repository = { projectKey, slug, id };
    await repositories.add({ repository, changes: [], isFileGone: true });
  }
}

/** Marks the repository as changed before its files are read again, even if discovery ignores the event. */
async function renewStamps(
  change: RepositoryChange,
  host: string,
  stamps: EventHandlingOptions['stamps'],
): Promise<void> {
  // A project needs no stamp: each repository that moved with it has new URLs.
  if (change.type !== 'project-modified') {
    await stamps?.renew(host, getAddresses(change));
  }
}

/** Whether the catalog acts on SCM events; it does not unless configured. */
function isAnyScmEventHandled(config: Config): boolean {
  const value = config.getOptional('catalog.scmEvents');
  if (typeof value !== 'object' || value === null) {
    return value === true;
  }
  const flags = ['refresh', 'unregister', 'move'].map(key =>
    config.getOptional(`catalog.scmEvents.${key}`),
  );
  return flags.some(flag => flag !== false);
}

/** How long a default branch counts as known: no event announces another one. */
const BRANCH_KNOWN_FOR_MS = 24 * 3_600_000;

/** Creates the context of one provider. */
function createRelevanceContext(
  { context, integration }: Pick<CreatedProvider, 'context' | 'integration'>,
  branches: EventStore,
  openClient: () => Promise<RestClient>,
  signal: AbortSignal,
): RelevanceContext {
  const { clock, config, store } = context;
  const { branch, filters, host, id } = config;
  return {
    filters,
    branch,
    webBaseUrl: webBaseUrl(integration),
    loadServerUrls: () => store.loadServerUrls(id),
    findRelated: async selector => (await store.loadRelated(id, selector)) ?? [],
    isProjectKnown: keys => store.isProjectKnown(id, keys),
    async findDefaultBranch(repository) {
      const { repositoryId } = repository;
      const validity = { nowMs: clock.now(), keepForMs: BRANCH_KNOWN_FOR_MS };
      const name = await branches.loadDefaultBranch(host, repositoryId, validity);
      if (name !== undefined) {
        return { kind: 'found', value: name };
      }
      const client = await openClient();
      const lookup = await client.getDefaultBranch(repository, { signal });
      if (lookup.kind === 'found') {
        const read = { name: lookup.value, readAtMs: clock.now() };
        await branches.saveDefaultBranch(host, repositoryId, read);
      }
      return lookup;
    },
  };
}
