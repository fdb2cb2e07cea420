import { createHmac } from 'node:crypto';
import { createBackendModule } from '@backstage/backend-plugin-api';
import { mockServices, startTestBackend } from '@backstage/backend-test-utils';
import {
  EventParams,
  EventsService,
  eventsServiceRef,
  HttpPostIngressOptions,
  RequestRejectionDetails,
} from '@backstage/plugin-events-node';
import {
  EventsExtensionPoint,
  eventsExtensionPoint,
} from '@backstage/plugin-events-node/alpha';
import { JsonObject } from '@backstage/types';
import { createSimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { FakeClock } from '../__testUtils__/FakeClock';
import { createLogRecorder } from '../__testUtils__/testProvider';
import eventsFeature from '../eventsEntry';
import { InProcessEventStore } from './__testUtils__/InProcessEventStore';
import { RepositoryChange } from './repositoryChanges';
import { WebhookSubscriber } from './WebhookSubscriber';
import { WebhookTopicRouter } from './eventsModule';
import { WEBHOOK_TOPICS } from './webhookTopics';

const SECRET = 'a-webhook-secret';
const PING = '{"test":true}';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const backend of running.splice(0)) {
    await backend.stop();
  }
});

function secretConfig(webhookSecret: JsonObject[string]): JsonObject {
  return { events: { modules: { bitbucketServer: { webhookSecret } } } };
}

function recordIngresses() {
  const ingresses: HttpPostIngressOptions[] = [];
  const refuse = () => {
    throw new Error('not expected');
  };
  const extensionPoint: EventsExtensionPoint = {
    setEventBroker: refuse,
    addPublishers: refuse,
    addSubscribers: refuse,
    addHttpPostBodyParser: refuse,
    addHttpPostIngress: options => ingresses.push(options),
  };
  return { ingresses, extensionPoint };
}

/** A backend with the feature, and the part of the events plugin that receives requests. */
async function start(config: JsonObject = secretConfig(SECRET)) {
  const { ingresses, extensionPoint } = recordIngresses();
  const received: EventParams[] = [];
  const captured: EventsService[] = [];
  const warn = jest.fn();
  const logger = mockServices.logger.mock({ warn, child: () => logger });
  const subscriber = createBackendModule({
    pluginId: 'events',
    moduleId: 'test-subscriber',
    register: env =>
      env.registerInit({
        deps: { events: eventsServiceRef },
        async init({ events }) {
          captured.push(events);
          await events.subscribe({
            id: 'test',
            topics: [...WEBHOOK_TOPICS, 'bitbucketServer.diagnostics:ping'],
            onEvent: async event => void received.push(event),
          });
        },
      }),
  });
  const backend = await startTestBackend({
    extensionPoints: [[eventsExtensionPoint, extensionPoint]],
    features: [
      eventsFeature,
      subscriber,
      logger.factory,
      mockServices.rootConfig.factory({ data: config }),
    ],
  });
  running.push(backend);
  const [ingress] = ingresses;
  const [events] = captured;
  if (!ingress || !events) {
    throw new Error('the feature has not registered anything');
  }
  return { ingress, events, received, warn, post: receiver(ingress, events) };
}

/** What the events plugin does with a request: parse, validate, publish. */
function receiver({ topic, validator }: HttpPostIngressOptions, events: EventsService) {
  return async (body: string, headers: Readonly<Record<string, string>>) => {
    const rejections: Partial<RequestRejectionDetails>[] = [];
    const lowerCase = Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      value,
    ]);
    const metadata: Record<string, string> = Object.fromEntries(lowerCase);
    const parsed: unknown = JSON.parse(body);
    const request = {
      body: parsed,
      headers: metadata,
      query: {},
      raw: { body: Buffer.from(body), encoding: 'utf-8' as const },
    };
    await validator?.(request, {
      reject: details => rejections.push(details ?? {}),
    });
    if (rejections.length === 0) {
      await events.publish({ topic, eventPayload: parsed, metadata });
    }
    return rejections[0];
  };
}

function pushRequest(secret?: string, slug = 'api') {
  const simulated = createSimulatedBitbucket({ users: [{ name: 'jdoe', token: 't' }] });
  simulated.addRepository({ projectKey: 'PAY', slug });
  const push = simulated.writeFile('PAY', slug, 'catalog-info.yaml', 'x');
  const details = { projectKey: 'PAY', slug, changes: [push] };
  return simulated.webhook('repo:refs_changed', details, { secret });
}

const REFUSED = {
  status: 403,
  payload: { message: 'X-Hub-Signature is missing or wrong' },
};

describe('the webhook feature', () => {
  it('publishes a signed webhook on the plain topic and on its sub-topic', async () => {
    const { ingress, received, post } = await start();
    const { body, headers } = pushRequest(SECRET);

    expect(await post(body, headers)).toBeUndefined();

    expect(ingress.topic).toBe('bitbucketServer');
    expect(received.map(event => event.topic).sort()).toEqual([
      'bitbucketServer',
      'bitbucketServer.repo:refs_changed',
    ]);
    expect(received[0]?.eventPayload).toEqual(JSON.parse(body));
    expect(received[0]?.metadata).toEqual(received[1]?.metadata);
  });

  it('refuses unsigned and wrongly signed webhooks without publishing them', async () => {
    const { received, post, warn } = await start();
    for (const { body, headers } of [pushRequest(), pushRequest('wrong')]) {
      expect(await post(body, headers)).toEqual(REFUSED);
    }
    const { body, headers } = pushRequest(SECRET);
    expect(await post(`${body} `, headers)).toEqual(REFUSED);
    expect(received).toEqual([]);
    expect(JSON.stringify(warn.mock.calls)).not.toContain(SECRET);
    const ours = warn.mock.calls.filter(([message]) => /Rejected/.test(String(message)));
    expect(ours).toHaveLength(1);
  });

  it('accepts each of several secrets, and no other', async () => {
    const { received, post } = await start(secretConfig(['old one', SECRET]));
    for (const secret of ['old one', SECRET]) {
      const { body, headers } = pushRequest(secret);
      expect(await post(body, headers)).toBeUndefined();
    }
    const { body, headers } = pushRequest('another');
    expect(await post(body, headers)).toEqual(REFUSED);
    expect(received).toHaveLength(4);
  });

  it.each([101, 50_000])(
    'refuses a signed body of %d levels with 400, and an unsigned one with 403',
    async depth => {
      const { received, post, warn } = await start();
      const body = `${'['.repeat(depth)}${']'.repeat(depth)}`;
      const digest = createHmac('sha256', SECRET).update(body).digest('hex');
      expect(await post(body, { 'X-Hub-Signature': `sha256=${digest}` })).toEqual({
        status: 400,
        payload: { message: 'The body is nested more than 100 levels deep' },
      });
      expect(await post(body, {})).toEqual(REFUSED);
      expect(received).toEqual([]);
      expect(JSON.stringify(warn.mock.calls)).not.toContain('stack');
    },
  );

  it('accepts bodies that are deep, but not too deep, and wide ones', async () => {
    const { received, post } = await start();
    const deep = `${'['.repeat(100)}${']'.repeat(100)}`;
    const wide = `[${Array(100_000).fill('[{}]').join(',')}]`;
    for (const body of [deep, wide]) {
      const digest = createHmac('sha256', SECRET).update(body).digest('hex');
      const headers = { 'X-Hub-Signature': `sha256=${digest}` };
      expect(await post(body, headers)).toBeUndefined();
    }
    expect(received).toHaveLength(2);
  });

  it('accepts an unsigned ping and a correctly signed one', async () => {
    const { received, post } = await start();
    const simulated = createSimulatedBitbucket();
    for (const secret of [undefined, SECRET]) {
      const { body, headers } = simulated.webhook('diagnostics:ping', {}, { secret });
      expect(await post(body, headers)).toBeUndefined();
    }
    expect(received.map(event => event.topic).sort()).toEqual([
      'bitbucketServer',
      'bitbucketServer',
      'bitbucketServer.diagnostics:ping',
      'bitbucketServer.diagnostics:ping',
    ]);
  });

  it.each([
    ['a push', pushRequest().body, { 'X-Event-Key': 'diagnostics:ping' }],
    [
      'a push whose body names no event',
      JSON.stringify({ ...JSON.parse(pushRequest().body), eventKey: undefined }),
      { 'X-Event-Key': 'diagnostics:ping' },
    ],
    [
      'a body that names another event',
      '{"test":true,"eventKey":"repo:deleted"}',
      { 'X-Event-Key': 'diagnostics:ping' },
    ],
    ['a ping without the header', PING, {}],
    ['a ping under two names', PING, { 'X-Event-Key': 'diagnostics:ping, repo:deleted' }],
    [
      'a ping that is signed wrongly',
      PING,
      {
        'X-Event-Key': 'diagnostics:ping',
        'X-Hub-Signature': `sha256=${'0'.repeat(64)}`,
      },
    ],
    ['a text', '"diagnostics:ping"', { 'X-Event-Key': 'diagnostics:ping' }],
  ])('does not accept %s as an unsigned ping', async (_, body, headers) => {
    const { received, post } = await start();
    expect(await post(body, headers)).toEqual(REFUSED);
    expect(received).toEqual([]);
  });

  it.each([
    ['no secret', {}, /webhookSecret is missing; set it to the secret of the webhooks/],
    ['an empty one', secretConfig(''), /webhookSecret must be a non-empty string/],
    ['a blank one', secretConfig('  '), /webhookSecret must be a non-empty string/],
    [
      'a number',
      secretConfig(4711),
      /webhookSecret must be a non-empty string.* in quotes/,
    ],
    ['no secret in a list', secretConfig([]), /webhookSecret must be a non-empty string/],
    [
      'an empty one in a list',
      secretConfig(['a', '']),
      /webhookSecret must be a non-empty string/,
    ],
    [
      'a number in a list',
      secretConfig(['a', 4711]),
      /webhookSecret must be a non-empty string/,
    ],
    ['an object', secretConfig({ old: 'a' }), /webhookSecret must be a non-empty string/],
  ])('refuses to start with %s', async (_, config, message) => {
    const starting = start(config);
    await expect(starting).rejects.toThrow(message);
    await expect(starting).rejects.toThrow(/events\.modules\.bitbucketServer\./);
    await expect(starting).rejects.not.toThrow(/4711/);
  });
});

describe('a subscriber to all topics', () => {
  it('handles each delivery once, also with a second router beside ours', async () => {
    const { events, received, post } = await start();
    await new WebhookTopicRouter(events).subscribe();
    const handled: RepositoryChange[] = [];
    const subscriber = new WebhookSubscriber({
      handlers: [
        {
          handle: async change => {
            handled.push(change);
            return 'evaluated';
          },
        },
      ],
      deliveries: new InProcessEventStore(),
      logger: createLogRecorder(),
      clock: new FakeClock(),
    });
    await subscriber.subscribe(events);
    for (const slug of ['api', 'web']) {
      const { body, headers } = pushRequest(SECRET, slug);
      await post(body, headers);
    }
    expect(received).toHaveLength(6);
    expect(handled).toHaveLength(2);
  });

  it('receives the sub-topic of events that arrive without headers', async () => {
    const { events, received } = await start();
    const eventPayload: unknown = JSON.parse(pushRequest().body);
    await events.publish({ topic: 'bitbucketServer', eventPayload });
    await events.publish({ topic: 'bitbucketServer', eventPayload: { test: true } });
    expect(received.map(event => event.topic).sort()).toEqual([
      'bitbucketServer',
      'bitbucketServer',
      'bitbucketServer.repo:refs_changed',
    ]);
  });
});
