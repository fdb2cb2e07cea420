/**
 * Replicas of one backend that share what Bitbucket grants their user, with everything that
 * asks Bitbucket at the same time: runs, webhooks and the catalog's reads.
 */

import { mockServices } from '@backstage/backend-test-utils';
import {
  createSimulatedBitbucket,
  RateLimitOptions,
  SimulatedBitbucket,
} from '../dev/simulatedBitbucket';
import { FakeClock } from '../src/__testUtils__/FakeClock';
import { MemoryBuckets } from '../src/__testUtils__/MemoryBuckets';
import { fetchOf } from '../src/__testUtils__/simulatedClient';
import {
  appConfigFor,
  createLogRecorder,
  idleScheduler,
  TEST_USER,
} from '../src/__testUtils__/testProvider';
import { createTestStores, reportsOf, TestStores } from '../src/__testUtils__/testStores';
import { readDiscoveryConfig } from '../src/config/readProviderConfigs';
import { InProcessEventStore } from '../src/events/__testUtils__/InProcessEventStore';
import { listen } from '../src/events/__testUtils__/listeningProvider';
import { LocalEvents } from '../src/events/__testUtils__/LocalEvents';
import { connectEvents } from '../src/events/connectEvents';
import { createProviders } from '../src/provider/createProviders';
import { createLimiters } from '../src/provider/limiters';
import { createReaders } from '../src/reading/createReaders';
import { mapConcurrent } from '../src/util/concurrency';

const FILE = 'catalog-info.yaml';
/** Of the test user, besides its password. */
const TOKEN = 'T0ken-of-the-same-user';
/** Atlassian's example, and the default of Bitbucket Data Center. */
const DOCUMENTED: RateLimitOptions = { capacity: 60, fillRate: 5 };
const REPOSITORIES = 60;
const MINUTE_MS = 60_000;

interface World {
  readonly clock: FakeClock;
  readonly bitbucket: SimulatedBitbucket;
  readonly buckets: MemoryBuckets;
  readonly stores: TestStores;
  readonly eventStore: InProcessEventStore;
}

/** A provider for each of two replicas, in a project of its own. */
function createWorld(rateLimit: RateLimitOptions = DOCUMENTED): World {
  const clock = new FakeClock();
  const bitbucket = createSimulatedBitbucket({
    users: [{ ...TEST_USER, token: TOKEN }],
    clock,
    latencyMs: 50,
    rateLimit,
  });
  // Whoever does not wait for it has sent a lot by then.
  bitbucket.faults.add({
    match: { kind: 'rate-limit-settings' },
    effect: { type: 'delay', ms: 1_000 },
  });
  for (let index = 0; index < REPOSITORIES; index += 1) {
    const projectKey = index % 2 === 0 ? 'PAY' : 'OPS';
    const files = { [FILE]: 'kind: Component' };
    bitbucket.addRepository({ projectKey, slug: `r${index}`, files });
  }
  const stores = createTestStores({ clock });
  const buckets = new MemoryBuckets(clock);
  return { clock, bitbucket, buckets, stores, eventStore: new InProcessEventStore() };
}

/** Starts one with the credential of its own that discovery asks with. */
async function startReplica(
  { bitbucket, buckets, clock, eventStore, stores }: World,
  credential: object,
) {
  const { host } = new URL(bitbucket.baseUrl);
  const provider = (projectKey: string) => ({
    host,
    filters: { projectKey },
    ...credential,
  });
  const data = {
    ...appConfigFor({ bitbucket }),
    catalog: {
      providers: { bitbucketServer: { pay: provider('PAY'), ops: provider('OPS') } },
    },
  };
  const config = mockServices.rootConfig({ data });
  const discovery = readDiscoveryConfig(config);
  const logger = createLogRecorder();
  const limiters = createLimiters(discovery.providers, {
    clock,
    onWarning: warning => logger.warn(warning),
  });
  limiters.shareWithReplicas(buckets);
  const { store } = stores.reopen();
  await reportsOf(store);
  const fetch = fetchOf(bitbucket);
  const scheduler = idleScheduler();
  const created = createProviders(discovery, {
    ...{ logger, limiters, store, clock, fetch, scheduler },
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
    treeResponseFactory: mockTrees,
  });
  return { events, logger, providers, reader: made?.reader };
}

const mockTrees = {
  fromTarArchive: async () => {
    throw new Error('nobody reads a tree here');
  },
};

type Replica = Awaited<ReturnType<typeof startReplica>>;

/** What both do, all at once. */
async function workFor(
  { bitbucket, clock }: World,
  replicas: readonly Replica[],
  pushes: number,
): Promise<{ readonly failedReads: number }> {
  let failedReads = 0;
  const read = async ({ reader }: Replica, index: number) => {
    const slug = `r${index % REPOSITORIES}`;
    const key = index % 2 === 0 ? 'PAY' : 'OPS';
    const url = `${bitbucket.baseUrl}/projects/${key}/repos/${slug}/browse/${FILE}`;
    await reader?.search(url).catch(() => (failedReads += 1));
  };
  // In ten places at a time, as the catalog reads what it has nothing of, and again later.
  const readOn = async (replica: Replica) => {
    const wanted = Array.from({ length: REPOSITORIES }, (_, index) => index);
    await mapConcurrent(wanted, 10, index => read(replica, index));
    for (const index of wanted) {
      await clock.sleep(1_000);
      await read(replica, index);
    }
  };
  const pushOn = async () => {
    for (let count = 0; count < pushes; count += 1) {
      const index = count % REPOSITORIES;
      const projectKey = index % 2 === 0 ? 'PAY' : 'OPS';
      const slug = `r${index}`;
      const change = bitbucket.writeFile(
        projectKey,
        slug,
        FILE,
        `kind: Component${count}`,
      );
      const details = { projectKey, slug, changes: [change] };
      const { body, headers } = bitbucket.webhook('repo:refs_changed', details);
      const eventPayload: unknown = JSON.parse(body);
      const event = { topic: 'bitbucketServer', eventPayload, metadata: headers };
      await replicas[count % replicas.length]?.events.publish(event);
      await clock.sleep(MINUTE_MS / pushes);
    }
  };
  const runs = replicas.map(({ providers }, index) =>
    providers[index]?.provider.refresh(),
  );
  const reads = replicas.map(readOn);
  await Promise.all([...runs, ...reads, pushOn()]);
  return { failedReads };
}

describe('two replicas that are told of 60 tokens and 5 more each second', () => {
  it.each([
    ['the password of the integration', {}],
    ['a token of the same user', { token: TOKEN }],
  ])(
    'see no 429 from their start on, with runs, 240 pushes in a minute and reads on both, discovery with %s',
    async (_name, credential) => {
      const world = createWorld();
      const { bitbucket, clock } = world;
      const replicas = [
        await startReplica(world, credential),
        await startReplica(world, credential),
      ];

      const work = workFor(world, replicas, 240);
      await clock.run(work);
      const { failedReads } = await work;
      await clock.runUntilIdle();

      expect({ refused: bitbucket.rateLimitedCount, failedReads }).toEqual({
        refused: 0,
        failedReads: 0,
      });
      expect(replicas.flatMap(({ logger }) => logger.messages('warn'))).toEqual([]);
      expect(
        replicas.map(({ providers }, index) => providers[index]?.holds().length),
      ).toEqual([REPOSITORIES / 2, REPOSITORIES / 2]);
    },
  );
});
