import { DefaultEventsService } from '@backstage/plugin-events-node';
import fc from 'fast-check';
import { target } from '../__testUtils__/discoveryData';
import { FakeClock } from '../__testUtils__/FakeClock';
import {
  expectNoPollution,
  FUZZ_RUNS,
  arbitraryMutation,
} from '../__testUtils__/hostileData';
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

/** A subscriber whose store fails `failures` times and then stores every conflict. */
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

describe('a conflict that the catalog reports', () => {
  it('is stored with the entity, the refused file and the holder', async () => {
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

  it('triggers a check for a released entity once it is stored', async () => {
    const { checks, clock, publish } = await setUp({ failures: 1 });

    await publish(PAYLOAD);
    expect(checks()).toBe(0);
    await clock.advance(15_000);

    expect(checks()).toBe(1);
  });

  it.each([
    [
      'has the entity from a provider of this module',
      { existingLocationKey: providerName('default') },
    ],
    [
      'has the entity from another source',
      { existingLocationKey: 'url:https://github.test/a.yaml' },
    ],
    [
      'refused it from a file elsewhere',
      { newLocationKey: 'url:https://github.test/a.yaml' },
    ],
  ])('is stored when the catalog %s', async (_, rest) => {
    const { kept, publish } = await setUp();

    await publish({ ...PAYLOAD, ...rest });

    expect(kept).toHaveLength(1);
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['a string', 'conflict'],
    ['a list', [PAYLOAD]],
    ['without an entity', { ...PAYLOAD, entityRef: undefined }],
    ['with an empty entity reference', { ...PAYLOAD, entityRef: '' }],
    ['with a number as a location key', { ...PAYLOAD, newLocationKey: 1 }],
    ['without the existing location key', { ...PAYLOAD, existingLocationKey: null }],
    ['with too long an entity reference', { ...PAYLOAD, entityRef: 'x'.repeat(4_001) }],
  ])('is ignored with a line at DEBUG when the payload is %s', async (_, payload) => {
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
    ['the refused side is not a file', { newLocationKey: 'ldap' }],
    [
      'the refused side is a provider itself',
      { newLocationKey: providerName('default') },
    ],
  ])('is ignored when %s', async (_, rest) => {
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

  it('is dropped after the last attempt with a log line, and the next one is stored', async () => {
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

  it('waits with others, each once, while one is being stored', async () => {
    const { kept, clock, publish } = await setUp({ failures: 1 });
    await publish(PAYLOAD);

    for (const name of ['one', 'two', 'two']) {
      await publish({ ...PAYLOAD, entityRef: `component:default/${name}` });
    }
    await clock.advance(15_000);

    expect(kept.map(some => some.map(conflict => conflict.entityRef))).toEqual([
      ['component:default/api'],
      ['component:default/one', 'component:default/two'],
    ]);
  });

  it('is dropped when too many wait', async () => {
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

  it('is dropped when the backend shuts down', async () => {
    const { kept, clock, ending, publish } = await setUp({ failures: 1 });
    await publish(PAYLOAD);

    ending.abort(new Error('the end'));
    await clock.advance(15_000);
    await publish(PAYLOAD);

    expect(kept).toEqual([]);
  });
});

/** Backstage cannot publish what is nested too deeply to be written as JSON. */
function canBePublished(payload: unknown): boolean {
  try {
    JSON.stringify(payload);
    return true;
  } catch {
    return false;
  }
}

it('ConflictSubscriber survives any other payload, and keeps nothing but texts', async () => {
  const { kept, publish } = await setUp();
  await fc.assert(
    fc.asyncProperty(arbitraryMutation(PAYLOAD).filter(canBePublished), async payload => {
      await publish(payload);
      expectNoPollution();
    }),
    { numRuns: Math.ceil(FUZZ_RUNS / 4) },
  );
  await publish(PAYLOAD);

  const texts = kept.flat().flatMap(refused => Object.values(refused));
  expect(texts.length).toBeGreaterThan(0);
  expect(texts.filter(text => typeof text !== 'string')).toEqual([]);
});
