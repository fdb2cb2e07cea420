import { DefaultEventsService, EventParams } from '@backstage/plugin-events-node';
import { createSimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { FakeClock } from '../__testUtils__/FakeClock';
import { createLogRecorder } from '../__testUtils__/testProvider';
import { EventStore } from '../store/DatabaseEventStore';
import { InProcessEventStore } from './__testUtils__/InProcessEventStore';
import { HOSTILE_VALUES, pushPayload } from './__testUtils__/payloads';
import { EventResult } from './eventResults';
import { RepositoryChange } from './repositoryChanges';
import { WebhookSubscriber } from './WebhookSubscriber';
import { WEBHOOK_TOPICS } from './webhookTopics';

const MINUTE = 60_000;

/** A replica: its events service, and what its two providers were told. */
async function startReplica(
  deliveries: Pick<EventStore, 'claimDelivery'> = new InProcessEventStore(),
  clock = new FakeClock(),
) {
  const noted: RepositoryChange[] = [];
  const other: RepositoryChange[] = [];
  const results: EventResult[] = [];
  const logger = createLogRecorder();
  const createHandler = (changes: RepositoryChange[]) => ({
    handle: async (change: RepositoryChange) => {
      changes.push(change);
      return 'evaluated' as const;
    },
  });
  const subscriber = new WebhookSubscriber({
    handlers: [createHandler(noted), createHandler(other)],
    deliveries,
    logger,
    clock,
    observer: { onEvent: result => results.push(result) },
  });
  const events = DefaultEventsService.create({ logger: createLogRecorder() });
  await subscriber.subscribe(events);
  /** What it leads to is counted by then. */
  const onTopic = async (topic: string, rest: Partial<EventParams> = {}) => {
    await events.publish({ topic, eventPayload: pushPayload(), ...rest });
    await clock.settle();
  };
  return { clock, events, logger, noted, onTopic, other, results, subscriber };
}

/** A push as Bitbucket sends it, with an id of its own. */
function pushWebhook() {
  const bitbucket = createSimulatedBitbucket({ users: [{ name: 'jdoe', token: 't' }] });
  bitbucket.addRepository({ projectKey: 'PAY', slug: 'api' });
  const changes = [bitbucket.writeFile('PAY', 'api', 'x', 'y')];
  const details = { projectKey: 'PAY', slug: 'api', changes };
  const { headers, body } = bitbucket.webhook('repo:refs_changed', details);
  const eventPayload: unknown = JSON.parse(body);
  return { metadata: headers, eventPayload };
}

describe('a webhook', () => {
  it.each(WEBHOOK_TOPICS)('on the topic %s reaches every provider', async topic => {
    const { onTopic, noted, other, results } = await startReplica();
    const change = { new: { id: 1, key: 'PAY', slug: 'api', project: { key: 'PAY' } } };
    await onTopic(topic, { eventPayload: { ...pushPayload(), ...change } });
    expect(noted).toHaveLength(1);
    expect(other).toEqual(noted);
    expect(results).toEqual(['evaluated']);
  });

  it('on both topics is handled once', async () => {
    const { onTopic, noted, results } = await startReplica();
    const webhook = pushWebhook();
    await onTopic('bitbucketServer', webhook);
    await onTopic('bitbucketServer.repo:refs_changed', webhook);
    expect(noted).toHaveLength(1);
    expect(results).toEqual(['evaluated']);
  });

  it('is a duplicate when it is sent again', async () => {
    const { onTopic, noted, results } = await startReplica();
    for (const topic of ['bitbucketServer', 'bitbucketServer.repo:refs_changed']) {
      await onTopic(topic);
    }
    await onTopic('bitbucketServer');
    expect(noted).toHaveLength(1);
    expect(results).toEqual(['evaluated', 'duplicate']);
  });

  it('on both topics without any header, as from the event bus, is handled once', async () => {
    const { onTopic, noted, results } = await startReplica();
    await onTopic('bitbucketServer.repo:refs_changed');
    await onTopic('bitbucketServer');
    expect(noted).toHaveLength(1);
    expect(results).toEqual(['evaluated']);
  });

  it('is handled once if it arrives twice at the same time', async () => {
    const { onTopic, noted } = await startReplica();
    const webhook = pushWebhook();
    await Promise.all(
      ['bitbucketServer', 'bitbucketServer.repo:refs_changed', 'bitbucketServer'].map(
        topic => onTopic(topic, webhook),
      ),
    );
    expect(noted).toHaveLength(1);
  });

  it('with other content is handled separately', async () => {
    const { onTopic, noted } = await startReplica();
    await onTopic('bitbucketServer', pushWebhook());
    await onTopic('bitbucketServer', { eventPayload: pushPayload({ changes: [] }) });
    expect(noted.map(change => change.type)).toEqual(['pushed', 'unknown']);
  });

  it('on an unrelated topic is ignored', async () => {
    const { subscriber, noted, results } = await startReplica();
    for (const topic of ['github', 'bitbucketCloud.repo:push', 'bitbucketServerX']) {
      await subscriber.onEvent({ topic, eventPayload: pushPayload() });
    }
    expect(noted).toEqual([]);
    expect(results).toEqual(['malformed', 'malformed', 'malformed']);
  });
});

describe('two replicas', () => {
  it('handle a webhook once, whichever topic it arrives on', async () => {
    const deliveries = new InProcessEventStore();
    const clock = new FakeClock();
    const replica = await startReplica(deliveries, clock);
    const other = await startReplica(deliveries, clock);
    const webhook = pushWebhook();
    await replica.onTopic('bitbucketServer', webhook);
    await other.onTopic('bitbucketServer.repo:refs_changed', {
      eventPayload: webhook.eventPayload,
    });
    expect([...replica.noted, ...other.noted]).toHaveLength(1);
    expect([...replica.results, ...other.results]).toEqual(['evaluated']);
  });

  it('each handle webhooks that the other has not received', async () => {
    const deliveries = new InProcessEventStore();
    const replica = await startReplica(deliveries);
    const other = await startReplica(deliveries);
    await replica.onTopic('bitbucketServer');
    await other.onTopic('bitbucketServer', { eventPayload: pushPayload({ date: 'x' }) });
    expect(replica.noted).toHaveLength(1);
    expect(other.noted).toHaveLength(1);
  });

  it('handle the same content again after some minutes', async () => {
    const clock = new FakeClock();
    const deliveries = new InProcessEventStore();
    const replica = await startReplica(deliveries, clock);
    const other = await startReplica(deliveries, clock);
    await replica.onTopic('bitbucketServer');
    await clock.advance(6 * MINUTE);
    await other.onTopic('bitbucketServer');
    expect(other.noted).toHaveLength(1);
  });

  it('handle a webhook 2 s later at most while the database hangs, so that its sender does not give up', async () => {
    const hanging = { claimDelivery: () => new Promise<never>(() => {}) };
    const { clock, events, noted } = await startReplica(hanging);
    const event = { topic: 'bitbucketServer', ...pushWebhook() };
    await clock.run(events.publish(event), 2_000);
    await clock.settle();
    expect(noted).toHaveLength(1);
  });

  it('both handle a webhook that they cannot claim, and log that', async () => {
    const deliveries = {
      claimDelivery: () => Promise.reject(new Error('the database is away')),
    };
    const replica = await startReplica(deliveries);
    const other = await startReplica(deliveries);
    await replica.onTopic('bitbucketServer');
    await other.onTopic('bitbucketServer');
    expect(replica.noted).toHaveLength(1);
    expect(other.noted).toHaveLength(1);
    expect(replica.logger.messages('warn')).toEqual([]);
    expect(replica.logger.messages('debug')).toEqual([
      expect.stringMatching(/handled without a claim.*the database is away/),
    ]);
  });
});

describe('a webhook that cannot be handled', () => {
  it.each(HOSTILE_VALUES)('is ignored: %s', async (_, eventPayload) => {
    const { subscriber, noted, logger } = await startReplica();
    for (const topic of WEBHOOK_TOPICS) {
      for (const metadata of [undefined, {}, { 'x-event-key': ['a', 'b'] }]) {
        await subscriber.onEvent({ topic, eventPayload, metadata });
      }
    }
    expect(noted).toEqual([]);
    expect(logger.messages('warn')).toEqual([]);
  });

  it('causes no query if it is not about repositories', async () => {
    const { onTopic, results } = await startReplica({
      claimDelivery: () => Promise.reject(new Error('not expected')),
    });
    await onTopic('bitbucketServer', { eventPayload: { eventKey: 'pr:opened' } });
    await onTopic('bitbucketServer', { eventPayload: { eventKey: 'diagnostics:ping' } });
    await onTopic('bitbucketServer', { eventPayload: { test: true } });
    expect(results).toEqual(['ignored', 'ignored', 'malformed']);
  });

  it('is counted once on however many topics it arrives', async () => {
    const { onTopic, results } = await startReplica();
    const eventPayload = { eventKey: 'repo:modified', new: null };
    await onTopic('bitbucketServer', { eventPayload });
    await onTopic('bitbucketServer.repo:modified', { eventPayload });
    expect(results).toEqual(['malformed']);
  });

  it('leads to a warning if a provider fails, and to no error for the publisher', async () => {
    const logger = createLogRecorder();
    const results: EventResult[] = [];
    const subscriber = new WebhookSubscriber({
      handlers: [
        {
          handle: () => {
            throw new Error('broken');
          },
        },
      ],
      deliveries: new InProcessEventStore(),
      logger,
      clock: new FakeClock(),
      observer: { onEvent: result => results.push(result) },
    });
    const event = { topic: 'bitbucketServer', eventPayload: pushPayload() };
    await expect(subscriber.onEvent(event)).resolves.toBeUndefined();
    expect(logger.messages('warn')).toEqual([
      'repo:refs_changed could not be handled; the next run catches up: Error: broken',
    ]);
    expect(results).toEqual(['failed']);
  });

  it('may be a payload that references itself', async () => {
    const { subscriber, noted } = await startReplica();
    const eventPayload = { ...pushPayload(), self: {} };
    eventPayload.self = eventPayload;
    await subscriber.onEvent({ topic: 'bitbucketServer', eventPayload });
    expect(noted).toHaveLength(1);
  });
});
