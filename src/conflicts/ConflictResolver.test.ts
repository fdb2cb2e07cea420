import { FakeClock } from '../__testUtils__/FakeClock';
import { createLogRecorder } from '../__testUtils__/testProvider';
import { ReleasedEntities } from './ConflictStore';
import { ConflictResolver } from './ConflictResolver';

const NOTHING: ReleasedEntities = { released: [], areMoreToCome: false };
const ORPHANED: ReleasedEntities = { released: [], areMoreToCome: true };

const released = (targetUrl: string, locationKey?: string): ReleasedEntities => ({
  released: [{ entityRef: 'component:default/f', targetUrl, locationKey }],
  areMoreToCome: false,
});

/** A resolver for the providers a and b whose store returns these answers and repeats the last one. */
function setUp(...answers: readonly (ReleasedEntities | Error)[]) {
  const told: string[] = [];
  let queries = 0;
  const store = {
    async findReleased() {
      queries += 1;
      const answer = answers[Math.min(queries, answers.length) - 1] ?? NOTHING;
      if (answer instanceof Error) {
        throw answer;
      }
      return answer;
    },
  };
  const clock = new FakeClock();
  const logger = createLogRecorder();
  const ending = new AbortController();
  const resolver = new ConflictResolver({ store, logger, clock, signal: ending.signal });
  for (const locationKey of ['a', 'b']) {
    resolver.add({
      locationKey,
      reprocess: async urls => void told.push(`${locationKey} anew: ${[...urls]}`),
      refresh: async urls => void told.push(`${locationKey} refresh: ${urls}`),
    });
  }
  const check = async () => {
    resolver.check();
    await clock.advance(0);
  };
  return { check, clock, ending, logger, queries: () => queries, told };
}

const LONG_MS = 3_600_000;

describe('the conflict resolver', () => {
  it('checks once and refreshes nothing when every entity is claimed', async () => {
    const { check, clock, logger, queries, told } = setUp(NOTHING);

    await check();
    await clock.advance(LONG_MS);

    expect([queries(), told, logger.lines]).toEqual([1, [], []]);
  });

  it('makes the provider of a refused file emit its Location again', async () => {
    const { check, clock, logger, told } = setUp(released('f', 'b'), NOTHING);

    await check();
    await clock.advance(LONG_MS);

    expect(told).toEqual(['b anew: f']);
    expect(logger.lines).toMatchObject([
      { level: 'info', message: expect.stringMatching(/component:default\/f in f$/) },
    ]);
  });

  it.each([
    ['is from another source', 'x'],
    ['has no known source', undefined],
  ])('refreshes a file whose Location %s', async (_, key) => {
    const { check, told } = setUp(released('f', key), NOTHING);

    await check();

    expect(told).toEqual(['a refresh: f']);
  });

  it('does not log a password that is part of a URL', async () => {
    const { check, clock, logger, told } = setUp(released('https://joe:pw@host/f'));

    await check();
    await clock.advance(LONG_MS);

    expect(told[0]).toContain('joe:pw@');
    expect(logger.messages('warn').join()).toContain('in https://host/f');
    expect(JSON.stringify(logger.lines)).not.toContain('pw');
  });

  it('waits for entities that the catalog is about to delete', async () => {
    const { check, clock, told } = setUp(ORPHANED, ORPHANED, released('f', 'a'), NOTHING);

    await check();
    expect(told).toEqual([]);
    await clock.advance(LONG_MS);

    expect(told).toEqual(['a anew: f']);
  });

  it('notifies the catalog a few times, logs at WARN that this did not help, and stops', async () => {
    const { check, clock, logger, queries, told } = setUp(released('f', 'a'));

    await check();
    await clock.advance(LONG_MS);

    expect(told).toEqual(Array(6).fill('a anew: f'));
    expect(logger.messages('warn')).toEqual([
      expect.stringMatching(
        /^The catalog still has these entities from no side.*component:default\/f in f$/,
      ),
    ]);
    await clock.advance(24 * LONG_MS);
    expect(queries()).toBe(7);
  });

  it('stops without a log line when the catalog keeps an entity that nothing claims', async () => {
    const { check, clock, logger, queries } = setUp(ORPHANED);

    await check();
    await clock.advance(LONG_MS);

    expect([queries(), logger.lines]).toEqual([7, []]);
  });

  it('starts again when it is called again, with one check at a time', async () => {
    const { check, clock, queries } = setUp(ORPHANED);
    await check();
    await clock.advance(20_000);
    expect(queries()).toBe(3);

    await check();
    await check();
    await clock.advance(LONG_MS);

    expect(queries()).toBe(3 + 1 + 7);
  });

  it('tries again when the catalog cannot be read, and finally logs it', async () => {
    const away = new Error('the database is away');
    const { check, clock, logger, told } = setUp(away, released('f', 'a'), NOTHING);
    await check();
    await clock.advance(LONG_MS);
    expect([told, logger.messages('warn')]).toEqual([['a anew: f'], []]);

    const failing = setUp(away);
    await failing.check();
    await failing.clock.advance(LONG_MS);

    expect(failing.logger.messages('warn')).toEqual([
      expect.stringContaining('the database is away'),
    ]);
  });

  it('stops checking once the backend shuts down', async () => {
    const { check, clock, ending, queries } = setUp(ORPHANED);
    await check();

    ending.abort(new Error('the end'));
    await clock.advance(LONG_MS);
    await check();

    expect(queries()).toBe(1);
  });
});
