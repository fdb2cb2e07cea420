/**
 * `npm run soak -- [--worlds 2000] [--seed 1]`: lets seeded random worlds happen, with the
 * module's own parts and a real store, and checks after each step what must hold.
 *
 * Exit codes: 0 fine, 1 something was violated, 2 wrong usage.
 */

import { Command, InvalidArgumentError } from 'commander';
import fc from 'fast-check';
import { describePlan, Plan, plan } from './plan';
import { runWorld } from './runWorld';
import { createMemoryDatabase } from './WorldDatabase';

const PROGRESS_EVERY = 50;
/** To look for a smaller world that fails too. */
const SHRINK_LIMIT_MS = 120_000;
const MAX_FAILURES = 5;

function toCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new InvalidArgumentError('It has to be an integer of 0 or more.');
  }
  return count;
}

interface Failure {
  readonly seed: number;
  readonly plan: Plan | undefined;
  readonly error: string;
}

async function checkWorld(seed: number): Promise<Failure | undefined> {
  const property = fc.asyncProperty(plan, one => runWorld(one, createMemoryDatabase()));
  const details = await fc.check(property, {
    seed,
    numRuns: 1,
    interruptAfterTimeLimit: SHRINK_LIMIT_MS,
    markInterruptAsFailure: false,
  });
  if (!details.failed) {
    return undefined;
  }
  const { counterexample, errorInstance } = details;
  return {
    seed,
    plan: counterexample?.[0],
    error:
      errorInstance instanceof Error
        ? (errorInstance.stack ?? '')
        : String(errorInstance),
  };
}

async function main(args: readonly string[]): Promise<number> {
  const program = new Command('npm run soak --')
    .option('--worlds <number>', 'how many worlds', toCount, 2000)
    .option('--seed <number>', 'of the first; each world has the next one', toCount, 1)
    .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : 2));
  program.parse([...args], { from: 'user' });
  const options = program.opts<{ worlds: number; seed: number }>();
  const failures: Failure[] = [];
  const startedAt = process.cpuUsage();
  for (let index = 0; index < options.worlds; index += 1) {
    const failure = await checkWorld(options.seed + index);
    if (failure) {
      failures.push(failure);
      report(failure);
      if (failures.length === MAX_FAILURES) {
        break;
      }
    }
    if ((index + 1) % PROGRESS_EVERY === 0 || index + 1 === options.worlds) {
      const { user, system } = process.cpuUsage(startedAt);
      const seconds = ((user + system) / 1e6).toFixed(1);
      print(`${index + 1} worlds, ${failures.length} failed, ${seconds} s of CPU time`);
    }
  }
  return failures.length > 0 ? 1 : 0;
}

function report({ seed, plan: failed, error }: Failure): void {
  print(`\nWorld ${seed} fails: ${error}`);
  if (failed) {
    print(`The smallest that was found:\n${describePlan(failed)}`);
  }
  print(`Repeat it with: npm run soak -- --worlds 1 --seed ${seed}\n`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

main(process.argv.slice(2)).then(
  code => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  },
);
