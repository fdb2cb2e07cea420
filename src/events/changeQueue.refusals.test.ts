import { FakeClock } from '../__testUtils__/FakeClock';
import { createLogRecorder } from '../__testUtils__/testProvider';
import { RecentRefusals } from './changeQueue';

const MINUTE = 60_000;
const DETAIL = 'Bitbucket refused access';

function setUp() {
  const clock = new FakeClock();
  const logger = createLogRecorder();
  const refusals = new RecentRefusals({ clock, logger });
  return { clock, logger, refusals };
}

it('a refusal is remembered for ten minutes, in whatever case the name is written', async () => {
  const { clock, refusals } = setUp();
  refusals.add('PAY/api');
  expect([refusals.covers('pay/API'), refusals.covers('PAY/web')]).toEqual([true, false]);
  await clock.advance(10 * MINUTE - 1);
  expect(refusals.covers('PAY/api')).toBe(true);
  await clock.advance(1);
  expect(refusals.covers('PAY/api')).toBe(false);
});

it('a refusal outlasts a clock that is set back or forward', () => {
  const { clock, refusals } = setUp();
  refusals.add('PAY/api');
  for (const days of [-1, 1]) {
    clock.setTime(clock.now() + days * 24 * 60 * MINUTE);
    expect(refusals.covers('PAY/api')).toBe(true);
  }
});

it('only the newest ten thousand refusals are remembered', () => {
  const { refusals } = setUp();
  refusals.add('PAY/first');
  refusals.add('PAY/second');
  for (let index = 0; index < 9_999; index += 1) {
    refusals.add(`PAY/r${index}`);
    refusals.add('PAY/second');
  }
  const names = ['PAY/first', 'PAY/second', 'PAY/r0', 'PAY/r9998'];
  expect(names.map(name => refusals.covers(name))).toEqual([false, true, true, true]);
});

describe('an event about a repository that Bitbucket has not returned', () => {
  const problem = { reason: 'not-permitted', detail: DETAIL } as const;

  it('is retried if Bitbucket itself has not refused it', () => {
    const { refusals } = setUp();
    const conclusion = refusals.conclude('PAY/api', { problem }, true);
    expect(conclusion).toEqual({ kind: 'retry', detail: DETAIL });
    expect(refusals.covers('PAY/api')).toBe(false);
  });

  it.each([
    ['with a warning where it is known', true, 'failed', 1],
    ['without one where it is not', false, 'ignored', 0],
  ])(
    'is given up if Bitbucket itself has refused it, %s',
    (_, isKnown, result, warnings) => {
      const { logger, refusals } = setUp();
      const refused = { problem, isRefusal: true };
      expect(refusals.conclude('PAY/api', refused, isKnown)).toMatchObject({ result });
      expect(refusals.covers('PAY/api')).toBe(true);
      expect(logger.messages('warn')).toHaveLength(warnings);
    },
  );
});
