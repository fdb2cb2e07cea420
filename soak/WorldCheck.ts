/** Runs one world and, where it fails, looks for a smaller world that fails as well. */

import fc from 'fast-check';
import { describePlan, Plan, plan } from './plan';

/** A failing world. */
export interface Failure {
  readonly plan: Plan;
  readonly error: string;
}

/** One world, and the smaller worlds made from it. */
export class WorldCheck {
  readonly #seed: number;
  readonly #property: fc.IAsyncProperty<[Plan]>;
  #running: Plan | undefined;
  #failure: Failure | undefined;
  #tried = 0;

  /** @param run - rejects where the world fails */
  constructor(seed: number, run: (plan: Plan) => Promise<void>) {
    this.#seed = seed;
    this.#property = fc.asyncProperty(plan, async world => {
      this.#running = world;
      this.#tried += 1;
      try {
        await run(world);
      } catch (error) {
        this.#failure = { plan: world, error: describeError(error) };
        throw error;
      }
    });
  }

  /** The smallest failing world so far; `undefined` where none has failed. */
  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** The number of worlds that were begun. */
  get tried(): number {
    return this.#tried;
  }

  /**
   * Runs the world itself.
   *
   * @param limitMs - a world that takes longer fails
   */
  async fails(limitMs: number): Promise<boolean> {
    const { failed } = await fc.check(this.#property, {
      seed: this.#seed,
      numRuns: 1,
      endOnFailure: true,
      interruptAfterTimeLimit: limitMs,
    });
    if (failed && this.#running) {
      const error = `it did not end within ${limitMs / 1000} s`;
      this.#failure ??= { plan: this.#running, error };
    }
    return failed;
  }

  /**
   * Looks for smaller failing worlds, to be called after the world has failed.
   *
   * @param limitMs - returns after this time, also in the middle of a world
   */
  async shrink(limitMs: number): Promise<void> {
    await fc.check(this.#property, {
      seed: this.#seed,
      numRuns: 1,
      interruptAfterTimeLimit: limitMs,
    });
  }
}

/** Describes a failing world, with the command that repeats it. */
export function describeFailure(
  { error, plan: failed }: Failure,
  { database, seed }: { readonly database: string; readonly seed: number },
): string {
  const where = database === 'memory' ? '' : ` --database ${database}`;
  return [
    `World ${seed} fails: ${error}`,
    `The smallest failing world that was found:`,
    describePlan(failed),
    `Repeat it with: npm run soak -- --worlds 1 --seed ${seed}${where}`,
  ].join('\n');
}

/** `steps: 3, repositories: 2` */
export function describeSize({ repositories, steps }: Plan): string {
  return `steps: ${steps.length}, repositories: ${repositories.length}`;
}

function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
