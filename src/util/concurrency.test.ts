import { mapConcurrent } from './concurrency';

const turn = () => new Promise(resolve => setImmediate(resolve));

describe('mapConcurrent', () => {
  it('returns results in the order of the input, whichever call ends first', async () => {
    const results = await mapConcurrent([3, 1, 2], 3, async turns => {
      for (let left = turns; left > 0; left -= 1) {
        await turn();
      }
      return turns * 10;
    });

    expect(results).toEqual([30, 10, 20]);
  });

  it('never has more calls in flight than allowed', async () => {
    let inFlight = 0;
    let peak = 0;

    await mapConcurrent(Array.from({ length: 20 }), 4, async () => {
      inFlight += 1;
      peak = Math.max(peak, inFlight);
      await turn();
      inFlight -= 1;
    });

    expect(peak).toBe(4);
  });

  it('starts no further call after the first rejection', async () => {
    const started: number[] = [];
    const work = mapConcurrent([1, 2, 3, 4, 5, 6], 2, async item => {
      started.push(item);
      await turn();
      throw new Error(`failed at ${item}`);
    });

    await expect(work).rejects.toThrow('failed at 1');
    await turn();
    expect(started).toEqual([1, 2]);
  });

  it('yields to the event loop even where its calls wait for nothing', async () => {
    let turns = 0;
    let isOver = false;
    const others = (async () => {
      while (!isOver) {
        await turn();
        turns += 1;
      }
    })();

    await mapConcurrent(Array.from({ length: 5_000 }), 8, async () => turns);
    isOver = true;
    await others;

    expect(turns).toBeGreaterThanOrEqual(9);
  });

  it('returns an empty list for an empty list', async () => {
    expect(await mapConcurrent([], 1, async () => 1)).toEqual([]);
  });
});
