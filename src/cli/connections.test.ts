import { FakeClock } from '../__testUtils__/FakeClock';
import { PreviewMeter } from './connections';

describe('the time in which requests waited', () => {
  it.each([
    ['nothing if no request waited', [], 0],
    ['one wait', [[100, 300]], 200],
    [
      'separate waits',
      [
        [0, 100],
        [200, 250],
      ],
      150,
    ],
    [
      'simultaneous waits once',
      [
        [0, 100],
        [0, 100],
        [20, 100],
      ],
      100,
    ],
    [
      'waits that overlap once',
      [
        [0, 100],
        [50, 150],
      ],
      150,
    ],
    [
      'waits that touch',
      [
        [0, 100],
        [100, 150],
      ],
      150,
    ],
    [
      'a long wait around short ones',
      [
        [10, 20],
        [30, 40],
        [0, 50],
      ],
      50,
    ],
    [
      'a wait that joins the last two of three',
      [
        [0, 5],
        [10, 20],
        [30, 40],
        [15, 50],
      ],
      45,
    ],
  ])('counts %s', async (_, waits, expected) => {
    const clock = new FakeClock();
    const meter = new PreviewMeter(clock);
    const startMs = clock.monotonicMs();

    for (const [fromMs = 0, toMs = 0] of waits) {
      await clock.advance(startMs + toMs - clock.monotonicMs());
      meter.onWait({ ms: toMs - fromMs });
    }

    expect(meter.pacedMs()).toBe(expected);
    expect(meter.counts().waitedMs).toBe(
      waits.reduce((sum, [fromMs = 0, toMs = 0]) => sum + toMs - fromMs, 0),
    );
  });
});
