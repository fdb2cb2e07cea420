/** Connects the providers to the events service. Wiring only. */

import { LoggerService } from '@backstage/backend-plugin-api';
import { Config } from '@backstage/config';
import { EventsService } from '@backstage/plugin-events-node';
import { repositoryUrl, webBaseUrl } from '../bitbucket/webUrls';
import { RequestObserver } from '../http/types';
import { CreatedProvider } from '../provider/createProviders';
import { EventStore } from '../store/EventStore';
import { Clock } from '../util/clock';
import { EventLog, EventObserver } from './EventLog';
import { Relevance } from './Relevance';
import { RepositoryReactor } from './RepositoryReactor';
import { ScmAnnouncer } from './ScmAnnouncer';
import { ScmEvents } from './scmEventsService';
import { WebhookSubscriber } from './WebhookSubscriber';

/** What events are handled with. */
export interface EventHandlingOptions {
  readonly created: readonly CreatedProvider[];
  /** Of the backend. */
  readonly config: Config;
  readonly scmEvents: ScmEvents;
  readonly eventStore: EventStore;
  readonly logger: LoggerService;
  readonly clock: Clock;
  /** Ends all handling. */
  readonly signal: AbortSignal;
  readonly createMeter: (provider: CreatedProvider) => RequestObserver;
  readonly observer?: EventObserver;
}

/** Makes a reactor per provider and subscribes for them. */
export async function connectEvents(
  events: EventsService,
  options: EventHandlingOptions,
): Promise<readonly RepositoryReactor[]> {
  const { created, clock, eventStore, logger, observer } = options;
  const reactors = created.map(one => createReactor(one, options));
  if (reactors.length > 0) {
    const subscriber = new WebhookSubscriber({
      handlers: reactors,
      deliveries: eventStore,
      log: new EventLog(logger),
      clock,
      observer,
    });
    await subscriber.subscribe(events);
  }
  return reactors;
}

function createReactor(
  one: CreatedProvider,
  { config, scmEvents, eventStore, logger, signal, createMeter }: EventHandlingOptions,
): RepositoryReactor {
  const { context, evaluator, integration, provider } = one;
  return new RepositoryReactor({
    context,
    evaluator,
    relevance: new Relevance({
      config: context.config,
      webBaseUrl: webBaseUrl(integration),
      store: context.store,
      branches: eventStore,
      clock: context.clock,
    }),
    announcer: new ScmAnnouncer({
      scmEvents,
      perFile: isAnyScmEventHandled(config),
      ...(context.config.branch && { configuredBranch: context.config.branch }),
      repositoryUrl: repository => repositoryUrl(repository, integration),
    }),
    log: new EventLog(logger.child({ provider: provider.getProviderName() })),
    signal,
    createMeter: () => createMeter(one),
  });
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
