import { DefaultEventsService } from '@backstage/plugin-events-node';
import { target } from '../__testUtils__/discoveryData';
import { FakeClock } from '../__testUtils__/FakeClock';
import { createLogRecorder } from '../__testUtils__/testProvider';
import { providerName } from '../provider/locationEntities';
import { RefusedEntity } from './ConflictStore';
import { CONFLICT_TOPIC, ConflictSubscriber } from './ConflictSubscriber';

const PROVIDERS = new Map([[providerName('default'), 'default']]);
const PAYLOAD = {
  unprocessedEntity: { kind: 'Component' },
  entityRef: 'component:default/api',
  newLocationKey: `url:${target('~jdoe/api')}`,
  existingLocationKey: `url:${target('PAY/api')}`,
  lastConflictAt: '2026-01-01T00:00:00.000Z',
};

/** A subscriber whose store fails so often, and then keeps what it is given. */
async function setUp({ failures = 0 } = {}) {
  const kept: (readonly RefusedEntity[])[] = [];
  let left = failures;
  const store = {
    async recordRefused(refused: readonly RefusedEntity[]) {
      if (left > 0) {
        left -= 1;
        throw new Error('the database is away');
      }
      kept.push(refused);
    },
  };
  const clock = new FakeClock();
  const logger = createLogRecorder();
  const ending = new AbortController();
  let checks = 0;
  const resolver = { check: () => void (checks += 1) };
  const subscriber = new ConflictSubscriber({
    store,
    resolver,
    providers: PROVIDERS,
    logger,
    clock,
    signal: ending.signal,
  });
  const events = DefaultEventsService.create({ logger: createLogRecorder() });
  await subscriber.subscribe(events);
  const publish = async (eventPayload: unknown) => {
    await events.publish({ topic: CONFLICT_TOPIC, eventPayload });
    await clock.advance(0);
  };
  return { kept, clock, logger, ending, publish, checks: () => checks };
}

describe('a conflict that the catalog tells of', () => {
  it('is kept with the entity, the refused file and who has it', async () => {
    const { kept, publish } = await setUp();

    await publish(PAYLOAD);

    expect(kept).toEqual([
      [
        {
          entityRef: 'component:default/api',
          targetUrl: target('~jdoe/api'),
          holderKey: `url:${target('PAY/api')}`,
        },
      ],
    ]);
  });

  it('makes somebody look whether who has it is about to lose it, once it is kept', async () => {
    const { checks, clock, publish } = await setUp({ failures: 1 });

    await publish(PAYLOAD);
    expect(checks()).toBe(0);
    await clock.advance(15_000);

    expect(checks()).toBe(1);
  });

  it.each([
    ['has it from a provider of ours', { existingLocationKey: providerName('default') }],
    ['has it from elsewhere', { existingLocationKey: 'url:https://github.test/a.yaml' }],
    [
      'refused it to a file elsewhere',
      { newLocationKey: 'url:https://github.test/a.yaml' },
    ],
  ])('is looked at where the catalog %s', async (_, rest) => {
    const { kept, publish } = await setUp();

    await publish({ ...PAYLOAD, ...rest });

    expect(kept).toHaveLength(1);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a text', 'conflict'],
    ['a list', [PAYLOAD]],
    ['no entity', { ...PAYLOAD, entityRef: undefined }],
    ['an entity without a name', { ...PAYLOAD, entityRef: '' }],
    ['a number for a side', { ...PAYLOAD, newLocationKey: 1 }],
    ['only one side', { ...PAYLOAD, existingLocationKey: null }],
    ['an endless name', { ...PAYLOAD, entityRef: 'x'.repeat(4_001) }],
  ])('is ignored, and DEBUG says why, where it is %s', async (_, payload) => {
    const { kept, logger, publish } = await setUp();

    await publish(payload);

    expect(kept).toEqual([]);
    expect(logger.lines).toMatchObject([
      { level: 'debug', message: expect.stringContaining('cannot be read') },
    ]);
  });

  it.each([
    [
      'neither side is in Bitbucket',
      {
        newLocationKey: 'url:https://github.test/a.yaml',
        existingLocationKey: 'url:https://github.test/b.yaml',
      },
    ],
    ['what was refused is no file', { newLocationKey: 'ldap' }],
    ['it was refused to a provider itself', { newLocationKey: providerName('default') }],
  ])('is ignored where %s', async (_, rest) => {
    const { kept, logger, publish } = await setUp();

    await publish({ ...PAYLOAD, ...rest });

    expect(kept).toEqual([]);
    expect(logger.messages('debug')).toEqual([
      'The conflict about component:default/api is ignored: it is not about a file in Bitbucket',
    ]);
  });

  it('is tried again when it could not be kept', async () => {
    const { kept, clock, logger, publish } = await setUp({ failures: 2 });

    await publish(PAYLOAD);
    await clock.advance(15_000);

    expect(kept).toHaveLength(1);
    expect(logger.messages('warn')).toEqual([]);
  });

  it('is given up in the end, which is in the log, and the next one is kept', async () => {
    const { kept, clock, logger, publish } = await setUp({ failures: 3 });

    await publish(PAYLOAD);
    await clock.advance(15_000);

    expect(kept).toEqual([]);
    expect(logger.messages('warn')).toEqual([
      expect.stringContaining('the database is away'),
    ]);
    await publish(PAYLOAD);
    expect(kept).toHaveLength(1);
  });

  it('waits together with others while one is being kept, each once', async () => {
    const { kept, clock, publish } = await setUp({ failures: 1 });
    await publish(PAYLOAD);

    for (const name of ['one', 'two', 'two']) {
      await publish({ ...PAYLOAD, entityRef: `component:default/${name}` });
    }
    await clock.advance(15_000);

    expect(kept.map(some => some.map(one => one.entityRef))).toEqual([
      ['component:default/api'],
      ['component:default/one', 'component:default/two'],
    ]);
  });

  it('is left out where too many wait', async () => {
    const { kept, clock, logger, publish } = await setUp({ failures: 1 });
    await publish(PAYLOAD);

    for (let index = 0; index <= 1_000; index += 1) {
      await publish({ ...PAYLOAD, entityRef: `component:default/c${index}` });
    }
    await clock.advance(15_000);

    expect(kept.map(some => some.length)).toEqual([1, 1_000]);
    expect(logger.messages('debug')).toEqual([
      expect.stringContaining('c1000 is ignored: too many at once'),
    ]);
  });

  it('is let go of when the backend shuts down', async () => {
    const { kept, clock, ending, publish } = await setUp({ failures: 1 });
    await publish(PAYLOAD);

    ending.abort(new Error('the end'));
    await clock.advance(15_000);
    await publish(PAYLOAD);

    expect(kept).toEqual([]);
  });
});
