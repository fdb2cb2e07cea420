/**
 * Replicas of one backend on a fake clock, with everything that sends requests to Bitbucket: runs,
 * webhooks and the catalog's reads. For tests.
 */

import { mockServices } from '@backstage/backend-test-utils';
import { JsonObject } from '@backstage/types';
import {
  createSimulatedBitbucket,
  RateLimitOptions,
  SimulatedBitbucket,
} from '../../dev/simulatedBitbucket';
import { FakeClock } from '../../src/__testUtils__/FakeClock';
import { MemoryBuckets } from '../../src/__testUtils__/MemoryBuckets';
import { createFetch } from '../../src/__testUtils__/simulatedClient';
import {
  appConfigFor,
  createLogRecorder,
  TEST_USER,
} from '../../src/__testUtils__/testProvider';
import {
  createTestStores,
  openReports,
  TestStores,
} from '../../src/__testUtils__/testStores';
import { readDiscoveryConfig } from '../../src/config/readProviderConfigs';
import { InProcessEventStore } from '../../src/events/__testUtils__/InProcessEventStore';
import { listen } from '../../src/events/__testUtils__/listeningProvider';
import { LocalEvents } from '../../src/events/__testUtils__/LocalEvents';
import { connectEvents } from '../../src/events/connectEvents';
import { createProviders } from '../../src/provider/createProviders';
import { createLimiters } from '../../src/provider/limiters';
import { createReaders } from '../../src/reading/createReaders';

const FILE = 'catalog-info.yaml';
/** Of the test user, besides its password. */
export const TOKEN = 'T0ken-of-the-same-user';
/** Atlassian's example, and the default of Bitbucket Data Center. */
export const DOCUMENTED: RateLimitOptions = { capacity: 60, fillRate: 5 };

/** What the replicas have in common. */
export interface BudgetWorld {
  readonly clock: FakeClock;
  readonly bitbucket: SimulatedBitbucket;
  readonly buckets: MemoryBuckets;
  readonly stores: TestStores;
  readonly eventStore: InProcessEventStore;
}

/** Of a repository: there are two projects. */
const toAddress = (index: number) => ({
  projectKey: index % 2 === 0 ? 'PAY' : 'OPS',
  slug: `r${index}`,
});

/**
 * Creates a Bitbucket with this number of repositories in two projects, each with a catalog file,
 * and with the rate limit of Bitbucket's documentation.
 */
export function createBudgetWorld(repositories: number): BudgetWorld {
  const clock = new FakeClock();
  const bitbucket = createSimulatedBitbucket({
    users: [{ ...TEST_USER, token: TOKEN }],
    clock,
    latencyMs: 50,
    rateLimit: DOCUMENTED,
  });
  // Slow, so that a caller that does not wait for it would send many requests before.
  bitbucket.faults.add({
    match: { kind: 'rate-limit-settings' },
    effect: { type: 'delay', ms: 1_000 },
  });
  for (let index = 0; index < repositories; index += 1) {
    const files = { [FILE]: 'kind: Component' };
    bitbucket.addRepository({ ...toAddress(index), files });
  }
  const stores = createTestStores({ clock });
  const buckets = new MemoryBuckets(clock);
  return { clock, bitbucket, buckets, stores, eventStore: new InProcessEventStore() };
}

const noTrees = {
  fromTarArchive: async () => {
    throw new Error('nobody reads a tree here');
  },
};

/** A provider for each of the two projects. */
function configFor(bitbucket: SimulatedBitbucket, credential: JsonObject) {
  const { host } = new URL(bitbucket.baseUrl);
  const provider = (projectKey: string) => ({
    host,
    filters: { projectKey },
    ...credential,
  });
  const bitbucketServer = { pay: provider('PAY'), ops: provider('OPS') };
  return mockServices.rootConfig({
    data: { ...appConfigFor({ bitbucket }), catalog: { providers: { bitbucketServer } } },
  });
}

function createPush(bitbucket: SimulatedBitbucket, index: number, count: number) {
  const { projectKey, slug } = toAddress(index);
  const content = `kind: Component${count}`;
  const change = bitbucket.writeFile(projectKey, slug, FILE, content);
  const details = { projectKey, slug, changes: [change] };
  const { body, headers } = bitbucket.webhook('repo:refs_changed', details);
  const eventPayload: unknown = JSON.parse(body);
  return { topic: 'bitbucketServer', eventPayload, metadata: headers };
}

/**
 * Starts one.
 *
 * @param credential - the credentials of discovery; the integration's when empty
 */
export async function startReplica(world: BudgetWorld, credential: JsonObject = {}) {
  const { bitbucket, buckets, clock, eventStore, stores } = world;
  const config = configFor(bitbucket, credential);
  const discovery = readDiscoveryConfig(config);
  const logger = createLogRecorder();
  const limiters = createLimiters(discovery.providers, {
    clock,
    onWarning: warning => logger.warn(warning),
  });
  limiters.shareWithReplicas(buckets);
  const { store } = stores.reopen();
  await openReports(store);
  const fetch = createFetch(bitbucket);
  const created = createProviders(discovery, {
    ...{ logger, limiters, store, clock, fetch },
  });
  const providers = await Promise.all(created.map(listen));
  const events = new LocalEvents();
  await connectEvents(events, {
    providers: created.map(current => ({ current })),
    config,
    scmEvents: { publish: async () => {} },
    eventStore,
    logger,
    clock,
    signal: new AbortController().signal,
  });
  const [made] = createReaders({
    ...{ config, logger, limiters, clock, fetch },
    pluginId: 'catalog',
    catalog: {
      absentReads: { tell: () => {} },
      stamps: { load: async () => 'unchanged' },
    },
    treeResponseFactory: noTrees,
  });
  if (!made) throw new Error('there is no integration');
  return {
    logger,
    providers,
    /** Reads a file as the catalog does that has nothing of it. */
    read: (url: string) => made.reader.search(url),
    /** Pushes another content of a file, the `count`th. */
    push: (index: number, count: number) =>
      events.publish(createPush(bitbucket, index, count)),
  };
}

/** A started replica. */
export type Replica = Awaited<ReturnType<typeof startReplica>>;

/** The web page of a repository's catalog file. */
export function fileUrl({ bitbucket }: BudgetWorld, index: number): string {
  const { projectKey, slug } = toAddress(index);
  return `${bitbucket.baseUrl}/projects/${projectKey}/repos/${slug}/browse/${FILE}`;
}
