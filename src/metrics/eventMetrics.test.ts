import { createBackendModule } from '@backstage/backend-plugin-api';
import { mockServices } from '@backstage/backend-test-utils';
import {
  EventParams,
  EventsService,
  eventsServiceRef,
  EventsServiceSubscribeOptions,
} from '@backstage/plugin-events-node';
import {
  createSimulatedBitbucket,
  RefChange,
  serve,
  WebhookRequest,
} from '../../dev/simulatedBitbucket';
import { componentYaml } from '../../dev/seed';
import { eventually } from '../__testUtils__/eventually';
import { FakeClock } from '../__testUtils__/FakeClock';
import { startBackend } from '../__testUtils__/startBackend';
import {
  appConfigFor,
  connectTestProvider,
  TEST_USER,
} from '../__testUtils__/testProvider';
import { InProcessEventStore } from '../events/__testUtils__/InProcessEventStore';
import { connectEvents } from '../events/connectEvents';
import { EVENT_RESULTS } from '../events/eventResults';
import discoveryModule from '../index';
import {
  installMetrics,
  TestMetrics,
  uninstallMetrics,
} from './__testUtils__/collectMetrics';
import { countEvent } from './observers';
import { METRICS } from './instruments';

const FILE = 'catalog-info.yaml';
const endings: (() => Promise<unknown> | void)[] = [];
let sdk: TestMetrics;

beforeEach(() => {
  sdk = installMetrics();
});
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) {
    await end();
  }
  uninstallMetrics();
});

/** Hands each event to its subscriber, and waits until it is taken. */
class LocalEvents implements EventsService {
  #subscriber: EventsServiceSubscribeOptions | undefined;

  async subscribe(options: EventsServiceSubscribeOptions): Promise<void> {
    this.#subscriber = options;
  }

  async publish(event: EventParams): Promise<void> {
    await this.#subscriber?.onEvent(event);
  }
}

/** A provider that has run once and listens to webhooks. */
async function setUp() {
  const clock = new FakeClock();
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER], clock });
  const files = { [FILE]: 'kind: Component' };
  bitbucket.addRepository({ projectKey: 'PAY', slug: 'api', files });
  const { logger, run, ...created } = await connectTestProvider({ bitbucket, clock });
  const shutdown = new AbortController();
  endings.push(() => shutdown.abort());
  const events = new LocalEvents();
  await connectEvents(events, {
    providers: [{ current: created }],
    config: mockServices.rootConfig({ data: appConfigFor({ bitbucket }) }),
    scmEvents: { publish: async () => {} },
    eventStore: new InProcessEventStore(),
    logger,
    clock,
    signal: shutdown.signal,
    observer: { onEvent: countEvent },
  });
  await run();
  await clock.advance(60_000);
  const createPush = (change: RefChange) =>
    bitbucket.webhook('repo:refs_changed', {
      projectKey: 'PAY',
      slug: 'api',
      changes: [change],
    });
  const publish = async (
    { body, headers }: WebhookRequest,
    topic: string = 'bitbucketServer',
  ) => {
    const eventPayload: unknown = JSON.parse(body);
    await events.publish({ topic, eventPayload, metadata: headers });
  };
  const deliver = async (webhook: WebhookRequest) => {
    await publish(webhook);
    await clock.runUntilIdle();
  };
  /** As with a router: on the plain topic and on the sub-topic. */
  const deliverOnBothTopics = async (webhook: WebhookRequest, eventKey: string) => {
    await publish(webhook, `bitbucketServer.${eventKey}`);
    await deliver(webhook);
  };
  const pushFile = () => createPush(bitbucket.writeFile('PAY', 'api', FILE, 'kind: API'));
  const countsByResult = async () => {
    const { total } = await sdk.collect();
    const count = (result: string) => total(METRICS.events.name, { result });
    return Object.fromEntries(EVENT_RESULTS.map(result => [result, count(result)]));
  };
  return {
    bitbucket,
    clock,
    events,
    publish,
    deliver,
    deliverOnBothTopics,
    pushFile,
    createPush,
    countsByResult,
  };
}

const NONE = Object.fromEntries(EVENT_RESULTS.map(result => [result, 0]));

describe('the metrics of events', () => {
  it('count one that led to a check of a repository, and its requests like those of runs', async () => {
    const { bitbucket, deliver, pushFile, countsByResult } = await setUp();
    const requests = async () => (await sdk.collect()).total(METRICS.requests.name);
    expect(await requests()).toBe(bitbucket.requests.length);
    const before = bitbucket.requests.length;

    await deliver(pushFile());

    expect(await countsByResult()).toEqual({ ...NONE, evaluated: 1 });
    expect(bitbucket.requests.length).toBeGreaterThan(before);
    expect(await requests()).toBe(bitbucket.requests.length);
  });

  it('count one that changes nothing as ignored', async () => {
    const { bitbucket, deliver, createPush, countsByResult } = await setUp();

    await deliver(createPush(bitbucket.writeFile('PAY', 'api', FILE, 'x', 'feature/x')));

    expect(await countsByResult()).toEqual({ ...NONE, ignored: 1 });
  });

  it('count one that arrives again as duplicate', async () => {
    const { deliver, pushFile, countsByResult } = await setUp();
    const push = pushFile();

    await deliver(push);
    await deliver(push);

    expect(await countsByResult()).toEqual({ ...NONE, evaluated: 1, duplicate: 1 });
  });

  it('count one that arrives on the plain topic and on its sub-topic once', async () => {
    const { deliverOnBothTopics, pushFile, countsByResult } = await setUp();

    await deliverOnBothTopics(pushFile(), 'repo:refs_changed');

    expect(await countsByResult()).toEqual({ ...NONE, evaluated: 1 });
  });

  it('also count an unreadable one once, on however many topics it arrives', async () => {
    const { deliverOnBothTopics, countsByResult } = await setUp();
    const body = JSON.stringify({ eventKey: 'repo:modified', new: { slug: 'api' } });

    await deliverOnBothTopics({ headers: {}, body }, 'repo:modified');

    expect(await countsByResult()).toEqual({ ...NONE, malformed: 1 });
  });

  it('count each of several that are handled together', async () => {
    const { clock, publish, pushFile, countsByResult } = await setUp();

    for (const push of [pushFile(), pushFile(), pushFile()]) {
      await publish(push);
    }
    await clock.runUntilIdle();

    expect(await countsByResult()).toEqual({ ...NONE, evaluated: 3 });
  });

  it('count one that is not from Bitbucket as malformed, and do not contain its content', async () => {
    const { events, countsByResult } = await setUp();

    await events.publish({
      topic: 'bitbucketServer.repo:refs_changed',
      eventPayload: { repository: { slug: 'hostile' } },
    });

    expect(await countsByResult()).toEqual({ ...NONE, malformed: 1 });
    const { points } = await sdk.collect();
    expect(JSON.stringify(points)).not.toContain('hostile');
  });

  it('count one as failed if its repository could not be checked', async () => {
    const { bitbucket, deliver, pushFile, countsByResult } = await setUp();
    const push = pushFile();
    bitbucket.faults.add({ effect: 'reset' });

    await deliver(push);

    expect(await countsByResult()).toEqual({ ...NONE, failed: 1 });
  });
});

describe('the module in a real backend', () => {
  it('measures runs, their stored results and events', async () => {
    const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
    const files = { [FILE]: componentYaml('api', 'a service') };
    bitbucket.addRepository({ projectKey: 'PAY', slug: 'api', files });
    const served = await serve(bitbucket);
    endings.push(() => served.close());
    const captured: EventsService[] = [];
    const eventsCapture = createBackendModule({
      pluginId: 'catalog',
      moduleId: 'events-capture',
      register: env =>
        env.registerInit({
          deps: { events: eventsServiceRef },
          init: async ({ events }) => void captured.push(events),
        }),
    });
    const config = appConfigFor({ bitbucket });
    const backend = await startBackend({
      config,
      features: [discoveryModule, eventsCapture],
    });
    endings.push(() => backend.stop());
    await captured[0]?.publish({
      topic: 'bitbucketServer.repo:refs_changed',
      eventPayload: {},
    });

    await eventually(async () => {
      const { total, value } = await sdk.collect();
      expect({
        runs: total(METRICS.runs.name, { result: 'succeeded' }),
        registered: value(METRICS.repositories.name, { outcome: 'registered' }),
        known: value(METRICS.locations.name, { state: 'known' }),
        hasAge: value(METRICS.lastSuccessAge.name, { provider: 'default' }) !== undefined,
        malformed: value(METRICS.events.name, { result: 'malformed' }),
      }).toEqual({ runs: 1, registered: 1, known: 1, hasAge: true, malformed: 1 });
    });
  });
});
