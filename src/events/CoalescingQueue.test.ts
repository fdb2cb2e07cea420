import { FakeClock } from '../__testUtils__/FakeClock';
import { CoalescingQueue, WorkResult } from './CoalescingQueue';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DONE: WorkResult<string> = { kind: 'done', result: 'fine' };
const RETRY: WorkResult<string> = { kind: 'retry', detail: 'down' };

type Work = (items: readonly string[]) => Promise<WorkResult<string>>;

/** A queue of lists; what it worked on, and when, in milliseconds since the start. */
function createQueue(work: Work = async () => DONE) {
  const clock = new FakeClock({ startMs: 0 });
  const end = new AbortController();
  const worked: { atMs: number; items: readonly string[] }[] = [];
  const givenUp: { items: readonly string[]; detail: string }[] = [];
  const queue = new CoalescingQueue<readonly string[], string>({
    clock,
    signal: end.signal,
    merge: (earlier, later) => [...earlier, ...later],
    work: async items => {
      worked.push({ atMs: clock.now(), items });
      return work(items);
    },
    onGiveUp: (items, detail) => {
      givenUp.push({ items, detail });
      return 'given up';
    },
  });
  const getTimes = () => worked.map(batch => batch.atMs);
  return { clock, end, givenUp, queue, getTimes, worked };
}

describe('a burst', () => {
  it('for one key is merged to one piece of work after half a second', async () => {
    const { clock, queue, worked } = createQueue();
    ['a', 'b', 'c'].forEach(item => void queue.add('key', [item]));
    await clock.advance(499);
    expect(worked).toEqual([]);
    await clock.runUntilIdle();
    expect(worked).toEqual([{ atMs: 500, items: ['a', 'b', 'c'] }]);
  });

  it('for several keys leads to one piece of work per key', async () => {
    const { clock, queue, worked } = createQueue();
    void queue.add('one', ['a']);
    void queue.add('two', ['b']);
    void queue.add('one', ['c']);
    await clock.runUntilIdle();
    expect(worked.map(batch => batch.items)).toEqual([['a', 'c'], ['b']]);
  });

  it('that continues leads to one piece of work per five seconds', async () => {
    const { clock, queue, getTimes } = createQueue();
    for (let index = 0; index < 300; index += 1) {
      void queue.add('key', [`${index}`]);
      await clock.advance(100);
    }
    await clock.runUntilIdle();
    const times = getTimes();
    expect(times).toHaveLength(7);
    times.slice(1).forEach((time, index) => {
      expect(time - (times[index] ?? 0)).toBe(5 * SECOND);
    });
  });

  it('loses no item that arrives during the work or the pause of its key', async () => {
    const scene = createQueue(async () => {
      await scene.clock.sleep(SECOND);
      return DONE;
    });
    const { clock, queue, worked } = scene;
    for (let index = 0; index < 200; index += 1) {
      void queue.add('key', [`${index}`]);
      await clock.advance(70);
    }
    await clock.runUntilIdle();
    const items = worked.flatMap(batch => batch.items);
    expect(items).toEqual(Array.from({ length: 200 }, (_, index) => `${index}`));
  });
});

describe('a caller', () => {
  it('receives the result, also if its work was merged with that of others', async () => {
    const { clock, queue } = createQueue();
    const results = Promise.all(['a', 'b'].map(item => queue.add('key', [item])));
    expect(await clock.run(results)).toEqual(['fine', 'fine']);
  });

  it('receives the same result if it joins during a retry', async () => {
    let failures = 1;
    const { clock, queue } = createQueue(async () => {
      failures -= 1;
      return failures >= 0 ? RETRY : DONE;
    });
    const first = queue.add('key', ['a']);
    await clock.advance(SECOND);
    const second = queue.add('key', ['b']);
    expect(await clock.run(Promise.all([first, second]))).toEqual(['fine', 'fine']);
  });

  it('is notified when the work is given up', async () => {
    const { clock, queue } = createQueue(async () => RETRY);
    expect(await clock.run(queue.add('key', ['a']))).toBe('given up');
  });
});

describe('a key', () => {
  it('never has two pieces of work at the same time', async () => {
    let busy = 0;
    let most = 0;
    const scene = createQueue(async () => {
      busy += 1;
      most = Math.max(most, busy);
      await scene.clock.sleep(20 * SECOND);
      busy -= 1;
      return DONE;
    });
    void scene.queue.add('key', ['a']);
    await scene.clock.advance(10 * SECOND);
    void scene.queue.add('key', ['b']);
    await scene.clock.runUntilIdle();
    expect(most).toBe(1);
    expect(scene.getTimes()).toEqual([500, 25_500]);
  });

  it('leaves no state or timers behind', async () => {
    const { clock, queue } = createQueue();
    void queue.add('key', ['a']);
    expect(clock.sleeping).toBe(1);
    await clock.runUntilIdle();
    expect(clock.sleeping).toBe(0);
    void queue.add('key', ['b']);
    expect(clock.sleeping).toBe(1);
  });
});

describe('many keys', () => {
  it('do not wait for one whose retry is pending', async () => {
    const work: Work = async items => (items.includes('bad') ? RETRY : DONE);
    const { clock, queue, worked } = createQueue(work);
    void queue.add('bad', ['bad']);
    void queue.add('good', ['good']);
    await clock.advance(SECOND);
    expect(worked.map(batch => batch.items)).toEqual([['bad'], ['good']]);
  });
});

describe('work that fails', () => {
  it.each<[string, Work]>([
    ['returns `retry`', async () => RETRY],
    ['throws', async () => Promise.reject(new Error('down'))],
  ])('and %s is retried at growing intervals, then given up', async (_, work) => {
    const { clock, givenUp, queue, getTimes } = createQueue(work);
    void queue.add('key', ['a']);
    await clock.runUntilIdle();
    const times = getTimes();
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(gaps[0]).toBeLessThanOrEqual(5 * SECOND);
    gaps.forEach((gap, index) => {
      const base = Math.min(2 * SECOND * 2 ** index, 2 * MINUTE);
      expect(gap).toBeGreaterThanOrEqual(base);
      expect(gap).toBeLessThanOrEqual(base * 1.5);
    });
    expect(times.at(-1)).toBeGreaterThan(6 * MINUTE);
    expect(times.at(-1)).toBeLessThanOrEqual(10 * MINUTE + 500);
    expect(givenUp).toEqual([{ items: ['a'], detail: expect.stringMatching('down') }]);
    expect(clock.sleeping).toBe(0);
  });

  it('is retried together with items that have arrived meanwhile', async () => {
    let failures = 1;
    const { clock, queue, worked, givenUp } = createQueue(async () => {
      failures -= 1;
      return failures >= 0 ? RETRY : DONE;
    });
    void queue.add('key', ['a']);
    await clock.advance(SECOND);
    void queue.add('key', ['b']);
    await clock.runUntilIdle();
    expect(worked.map(batch => batch.items)).toEqual([['a'], ['a', 'b']]);
    expect(givenUp).toEqual([]);
  });

  it.each([-1, 1])(
    'is retried for as long if the clock is set by %d days',
    async days => {
      const { clock, givenUp, queue, worked } = createQueue(async () => RETRY);
      void queue.add('key', ['a']);
      await clock.advance(MINUTE);
      const before = worked.length;
      clock.setTime(clock.now() + days * 24 * 60 * MINUTE);
      await clock.advance(5 * MINUTE);
      expect(givenUp).toEqual([]);
      expect(worked.length).toBeGreaterThan(before);
      await clock.runUntilIdle();
      expect(givenUp).toHaveLength(1);
    },
  );

  it('starts again for an item that arrives after it was given up', async () => {
    const { clock, givenUp, queue, worked } = createQueue(async () => RETRY);
    void queue.add('key', ['a']);
    await clock.runUntilIdle();
    const before = worked.length;
    void queue.add('key', ['b']);
    await clock.runUntilIdle();
    expect(worked.length - before).toBeGreaterThan(5);
    expect(givenUp.map(batch => batch.items)).toEqual([['a'], ['b']]);
  });

  it('gives an item that arrives shortly before the end its own attempts', async () => {
    let isDown = true;
    const scene = createQueue(async () => (isDown ? RETRY : DONE));
    const { clock, givenUp, queue } = scene;
    void queue.add('key', ['a']);
    await clock.advance(8 * MINUTE);
    expect(givenUp).toEqual([]);
    void queue.add('key', ['b']);
    await clock.advance(30 * SECOND);
    isDown = false;
    await clock.runUntilIdle();
    expect(givenUp.flatMap(batch => batch.items)).not.toContain('b');
  });
});

describe('the end of the queue', () => {
  it.each([
    ['while work waits', 100],
    ['during work', 700],
    ['during the pause of a key', 3 * SECOND],
  ])('leaves no state or timers behind %s', async (_, ms) => {
    const scene = createQueue(async () => {
      await scene.clock.sleep(SECOND, scene.end.signal);
      return DONE;
    });
    const { clock, end, givenUp, queue, worked } = scene;
    void queue.add('key', ['a']);
    void queue.add('other', ['b']);
    await clock.advance(ms);
    const before = worked.length;
    end.abort(new Error('over'));
    await clock.settle();
    expect(clock.sleeping).toBe(0);
    void queue.add('key', ['c']);
    await clock.runUntilIdle();
    expect(worked).toHaveLength(before);
    expect(givenUp).toEqual([]);
  });
});
