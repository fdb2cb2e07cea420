/**
 * Providers that listen to webhooks, as the backend connects them, with a simulated
 * Bitbucket, recording connections and a fake clock in place of the world. For tests.
 */

import { ConfigReader } from '@backstage/config';
import { JsonObject } from '@backstage/types';
import {
  AddRepositoryOptions,
  createSimulatedBitbucket,
  RefChange,
  SimulatedBitbucket,
  SimulatedBitbucketOptions,
  WebhookRequest,
} from '../../../dev/simulatedBitbucket';
import { FakeClock } from '../../__testUtils__/FakeClock';
import { createFetch } from '../../__testUtils__/simulatedClient';
import { countRequests } from '../../__testUtils__/simulatedSource';
import {
  appConfigFor,
  createLogRecorder,
  EACH_RUN_CHECKS,
  LogRecorder,
  TEST_USER,
} from '../../__testUtils__/testProvider';
import {
  createTestStore,
  openReports,
  openWebhooks,
} from '../../__testUtils__/testStores';
import { readDiscoveryConfig } from '../../config/readProviderConfigs';
import { AbsentReads } from '../../provider/absentReads';
import { createProviders } from '../../provider/createProviders';
import { EventStore } from '../../store/DatabaseEventStore';
import { ProviderStateStore } from '../../store/ProviderStateStore';
import { RepositoryStamps } from '../../store/RepositoryStamps';
import { WebhookStore } from '../../store/WebhookStore';
import { connectEvents } from '../connectEvents';
import { EventResult } from '../eventResults';
import { ScmEvent } from '../scmEvents';
import { InProcessEventStore } from './InProcessEventStore';
import { CATALOG_FILE, listen, ListeningProvider } from './listeningProvider';
import { LocalEvents } from './LocalEvents';

export { CATALOG_FILE, nameOfTarget } from './listeningProvider';

/** Options for {@link startEvents}. */
export interface EventSceneOptions {
  readonly bitbucket?: SimulatedBitbucketOptions;
  /** Slugs of repositories in `PAY` with a catalog file. Default: `api`, `web` and `db`. */
  readonly slugs?: readonly string[];
  /** Further repositories. */
  readonly repositories?: readonly AddRepositoryOptions[];
  /** Configuration of the only provider. */
  readonly config?: JsonObject;
  /** Configurations by id, for several providers; `host` is added. */
  readonly providers?: Readonly<Record<string, JsonObject>>;
  /** `catalog.scmEvents`. */
  readonly handlesScmEvents?: boolean | JsonObject;
  readonly integration?: JsonObject;
  readonly store?: ProviderStateStore;
  readonly eventStore?: EventStore;
  /** Default: those of the store. */
  readonly webhooks?: Pick<WebhookStore, 'recordEvent'>;
  /** The connection to the URL reader, in both directions. */
  readonly reading?: {
    readonly absentReads?: AbsentReads;
    readonly stamps?: Pick<RepositoryStamps, 'renew'>;
  };
  /** Replaces the recording of published events. */
  readonly publish?: (events: readonly ScmEvent[]) => Promise<void>;
  /** Whether to skip the run of each provider at the start. */
  readonly beforeFirstRun?: boolean;
}

/** The parts of a scene that tests use. */
export interface EventScene {
  readonly bitbucket: SimulatedBitbucket;
  readonly clock: FakeClock;
  readonly logger: LogRecorder;
  readonly store: ProviderStateStore;
  readonly eventStore: EventStore;
  /** The first provider, in most tests the only one. */
  readonly first: ListeningProvider;
  readonly all: readonly ListeningProvider[];
  readonly published: ScmEvent[];
  /** The results of events. */
  readonly results: EventResult[];
  /** Delivers a webhook without handling it. Default topic: the plain one. */
  deliver(webhook: WebhookRequest, topic?: string): Promise<void>;
  /** Delivers any payload. */
  deliverPayload(payload: unknown, eventKey?: string): Promise<void>;
  /** Delivers a push to a repository in `PAY`. */
  push(slug: string, ...changes: Pushed[]): Promise<void>;
  /** Delivers `repo:modified`, made by a change of a repository in `PAY`. */
  modify(slug: string, change: () => { projectKey: string; slug: string }): Promise<void>;
  /** Delivers an event that an app may pass on: `repo:deleted` or `repo:created`. */
  deliverAppEvent(
    eventKey: 'repo:deleted' | 'repo:created',
    repository: object,
  ): Promise<void>;
  /** Handles everything that was delivered, retries included. */
  idle(): Promise<void>;
  /** Requests by kind since the last call of `forget`, or since the runs at the start. */
  asked(): Record<string, number>;
  /** Forgets requests, mutations, refreshes and published events so far. */
  forget(): void;
  /** Runs each provider once. */
  run(): Promise<void>;
  shutDown(): void;
}

/** One change of a push. Default type: `BRANCH`. */
export type Pushed = RefChange & { readonly type?: 'BRANCH' | 'TAG' };

/** Sets up a simulated Bitbucket and providers that handle its events. */
export async function startEvents(options: EventSceneOptions = {}): Promise<EventScene> {
  const clock = new FakeClock();
  const bitbucket = createBitbucket(clock, options);
  const logger = createLogRecorder();
  const { eventStore = new InProcessEventStore() } = options;
  const store = await readyStore(options.store ?? createTestStore([], { clock }));
  const shutdown = new AbortController();
  const config = new ConfigReader(createConfig(bitbucket, options));
  const created = createListeners(config, { bitbucket, clock, logger, store, shutdown });
  const all = await Promise.all(created.map(listen));
  const [first] = all;
  if (!first) {
    throw new Error('the configuration describes no provider');
  }
  const events = new LocalEvents();
  const published: ScmEvent[] = [];
  const results: EventResult[] = [];
  await connectEvents(events, {
    providers: created.map(current => ({ current })),
    config,
    scmEvents: {
      publish: options.publish ?? (async batch => void published.push(...batch)),
    },
    eventStore,
    ...options.reading,
    webhooks: options.webhooks ?? openWebhooks(store),
    logger,
    clock,
    signal: shutdown.signal,
    observer: { onEvent: result => results.push(result) },
  });
  const forget = () => {
    bitbucket.clearRequests();
    const records = all.flatMap(({ refreshed, mutations }) => [refreshed, mutations]);
    [published, results, ...records].forEach(record => record.splice(0));
  };
  const run = () => runAll(all, clock);
  if (!options.beforeFirstRun) {
    await run();
    await clock.advance(60_000);
  }
  forget();
  return {
    bitbucket,
    clock,
    logger,
    store,
    eventStore,
    first,
    all,
    published,
    results,
    run,
    forget,
    ...delivery(bitbucket, events),
    idle: () => clock.runUntilIdle(),
    asked: () => countRequests(bitbucket),
    shutDown: () => shutdown.abort(new Error('the backend is shutting down')),
  };
}

async function readyStore(store: ProviderStateStore): Promise<ProviderStateStore> {
  await openReports(store);
  return store;
}

async function runAll(all: readonly ListeningProvider[], clock: FakeClock) {
  for (const { provider } of all) {
    await clock.run(provider.refresh());
  }
}

interface World {
  readonly bitbucket: SimulatedBitbucket;
  readonly clock: FakeClock;
  readonly logger: LogRecorder;
  readonly store: ProviderStateStore;
  readonly shutdown: AbortController;
}

function createListeners(config: ConfigReader, { bitbucket, shutdown, ...world }: World) {
  return createProviders(readDiscoveryConfig(config), {
    ...world,
    webhooks: openWebhooks(world.store),
    fetch: createFetch(bitbucket),
    shutdownSignal: shutdown.signal,
  });
}

function createBitbucket(
  clock: FakeClock,
  { bitbucket: settings, slugs, repositories = [] }: EventSceneOptions,
): SimulatedBitbucket {
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER], clock, ...settings });
  for (const slug of slugs ?? ['api', 'web', 'db']) {
    const files = { [CATALOG_FILE]: 'kind: Component', 'README.md': slug };
    bitbucket.addRepository({ projectKey: 'PAY', slug, files });
  }
  repositories.forEach(repository => bitbucket.addRepository(repository));
  return bitbucket;
}

function createConfig(
  bitbucket: SimulatedBitbucket,
  options: EventSceneOptions,
): JsonObject {
  const { config, integration, handlesScmEvents, providers } = options;
  const { integrations } = appConfigFor({ bitbucket, integration });
  const { host } = new URL(bitbucket.baseUrl);
  const several = Object.entries(providers ?? {}).map(([id, provider]) => [
    id,
    { host, ...EACH_RUN_CHECKS, ...provider },
  ]);
  return {
    integrations: integrations ?? {},
    catalog: {
      providers: {
        bitbucketServer: providers
          ? Object.fromEntries(several)
          : { host, ...EACH_RUN_CHECKS, ...config },
      },
      ...(handlesScmEvents !== undefined && { scmEvents: handlesScmEvents }),
    },
  };
}

function delivery(bitbucket: SimulatedBitbucket, events: LocalEvents) {
  const deliverPayload = async (eventPayload: unknown, eventKey?: string) => {
    const topic = eventKey ? `bitbucketServer.${eventKey}` : 'bitbucketServer';
    await events.publish({ topic, eventPayload });
  };
  const deliver = async (
    { body, headers }: WebhookRequest,
    topic: string = 'bitbucketServer',
  ) => {
    const eventPayload: unknown = JSON.parse(body);
    await events.publish({ topic, eventPayload, metadata: headers });
  };
  return {
    deliver,
    deliverPayload,
    push: async (slug: string, ...changes: Pushed[]) => {
      const details = { projectKey: 'PAY', slug, changes };
      await deliver(bitbucket.webhook('repo:refs_changed', details));
    },
    modify: async (slug: string, change: () => { projectKey: string; slug: string }) => {
      const old = bitbucket.repositoryJson('PAY', slug);
      await deliver(bitbucket.webhook('repo:modified', { ...change(), old }));
    },
    deliverAppEvent: (eventKey: 'repo:deleted' | 'repo:created', repository: object) =>
      deliverPayload({ eventKey, repository }, eventKey),
  };
}
