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

/** A resolver for the providers a and b whose store answers so, the last answer for ever. */
function setUp(...answers: readonly (ReleasedEntities | Error)[]) {
  const told: string[] = [];
  let looks = 0;
  const store = {
    async findReleased() {
      looks += 1;
      const answer = answers[Math.min(looks, answers.length) - 1] ?? NOTHING;
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
  return { check, clock, ending, logger, looks: () => looks, told };
}

const LONG_MS = 3_600_000;

describe('the resolver of conflicts', () => {
  it('looks once and has nothing read where every entity is somebody’s', async () => {
    const { check, clock, logger, looks, told } = setUp(NOTHING);

    await check();
    await clock.advance(LONG_MS);

    expect([looks(), told, logger.lines]).toEqual([1, [], []]);
  });

  it('has the provider that gave the Location of a refused file give it anew', async () => {
    const { check, clock, logger, told } = setUp(released('f', 'b'), NOTHING);

    await check();
    await clock.advance(LONG_MS);

    expect(told).toEqual(['b anew: f']);
    expect(logger.lines).toMatchObject([
      { level: 'info', message: expect.stringMatching(/component:default\/f in f$/) },
    ]);
  });

  it.each([
    ['somebody else', 'x'],
    ['nobody that is known', undefined],
  ])('has a file refreshed whose Location %s gave', async (_, key) => {
    const { check, told } = setUp(released('f', key), NOTHING);

    await check();

    expect(told).toEqual(['a refresh: f']);
  });

  it('writes no password into the log that somebody has put into a URL', async () => {
    const { check, clock, logger, told } = setUp(released('https://joe:pw@host/f'));

    await check();
    await clock.advance(LONG_MS);

    expect(told[0]).toContain('joe:pw@');
    expect(logger.messages('warn').join()).toContain('in https://host/f');
    expect(JSON.stringify(logger.lines)).not.toContain('pw');
  });

  it('waits for what the catalog is about to delete', async () => {
    const { check, clock, told } = setUp(ORPHANED, ORPHANED, released('f', 'a'), NOTHING);

    await check();
    expect(told).toEqual([]);
    await clock.advance(LONG_MS);

    expect(told).toEqual(['a anew: f']);
  });

  it('tells the catalog a few times, says at WARN that it did not help, and stops', async () => {
    const { check, clock, logger, looks, told } = setUp(released('f', 'a'));

    await check();
    await clock.advance(LONG_MS);

    expect(told).toEqual(Array(6).fill('a anew: f'));
    expect(logger.messages('warn')).toEqual([
      expect.stringMatching(
        /^The catalog still has these entities from no side.*component:default\/f in f$/,
      ),
    ]);
    await clock.advance(24 * LONG_MS);
    expect(looks()).toBe(7);
  });

  it('stops without a word where the catalog keeps what nothing claims', async () => {
    const { check, clock, logger, looks } = setUp(ORPHANED);

    await check();
    await clock.advance(LONG_MS);

    expect([looks(), logger.lines]).toEqual([7, []]);
  });

  it('begins anew when it is called again, with one look at a time', async () => {
    const { check, clock, looks } = setUp(ORPHANED);
    await check();
    await clock.advance(20_000);
    expect(looks()).toBe(3);

    await check();
    await check();
    await clock.advance(LONG_MS);

    expect(looks()).toBe(3 + 1 + 7);
  });

  it('tries again where the catalog cannot be read, and says so in the end', async () => {
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

  it('looks no more once the backend shuts down', async () => {
    const { check, clock, ending, looks } = setUp(ORPHANED);
    await check();

    ending.abort(new Error('the end'));
    await clock.advance(LONG_MS);
    await check();

    expect(looks()).toBe(1);
  });
});
