import { Plan } from './plan';
import { describeFailure, WorldCheck } from './WorldCheck';

const SEED = 1;
const LIMIT_MS = 60_000;

/** Fails like a module that breaks when so many things happen. */
async function failsFromThreeSteps({ steps }: Plan): Promise<void> {
  if (steps.length >= 3) {
    throw new Error(`${steps.length} steps are too many`);
  }
}

describe('WorldCheck', () => {
  it('finds no failure in a world that passes', async () => {
    const check = new WorldCheck(SEED, async () => {});
    expect(await check.fails(LIMIT_MS)).toBe(false);
    expect([check.failure, check.tried]).toEqual([undefined, 1]);
  });

  it('finds the smallest world that fails, and its own error', async () => {
    const check = new WorldCheck(SEED, failsFromThreeSteps);
    expect(await check.fails(LIMIT_MS)).toBe(true);
    expect(check.failure?.plan.steps.length).toBeGreaterThan(3);

    await check.shrink(LIMIT_MS);

    expect(check.failure?.plan).toMatchObject({ repositories: [], alternatives: [] });
    expect(check.failure?.plan.steps).toHaveLength(3);
    expect(check.failure?.error).toContain('3 steps are too many');
  });

  it('keeps the smallest world that it has found when the time is over in another one', async () => {
    const never = new Promise<void>(() => {});
    let left = 5;
    const check = new WorldCheck(SEED, async world => {
      left -= 1;
      await (left > 0 ? failsFromThreeSteps(world) : never);
    });
    expect(await check.fails(LIMIT_MS)).toBe(true);
    const before = check.failure?.plan;

    await check.shrink(50);

    expect(check.failure).toBeDefined();
    expect(check.failure?.plan.steps.length).toBeLessThanOrEqual(
      before?.steps.length ?? 0,
    );
  });

  it('treats a world that does not end as a failure', async () => {
    const check = new WorldCheck(SEED, () => new Promise(() => {}));
    // Long enough for the world to be drawn on a busy machine: the limit counts from before.
    expect(await check.fails(1_000)).toBe(true);
    expect(check.failure?.error).toBe('it did not end within 1 s');
    expect(check.failure?.plan.steps.length).toBeGreaterThan(0);
  });
});

describe('describeFailure', () => {
  it('names the error, all steps and the command that repeats the world', async () => {
    const check = new WorldCheck(SEED, failsFromThreeSteps);
    await check.fails(LIMIT_MS);
    await check.shrink(LIMIT_MS);
    const { failure } = check;
    const text =
      failure && describeFailure(failure, { database: 'postgres', seed: SEED });
    const steps = failure?.plan.steps.map(({ kind }) => `  ${kind} `);
    expect(text?.split('\n')[0]).toBe('World 1 fails: Error: 3 steps are too many');
    steps?.forEach(step => expect(text).toContain(step));
    expect(text).toMatch(/--worlds 1 --seed 1 --database postgres$/);
  });
});
