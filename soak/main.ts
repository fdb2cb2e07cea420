/**
 * `npm run soak -- [--worlds 2000] [--seed 1] [--database postgres]`: runs seeded random worlds
 * with the module's own parts and a real store, and checks the invariants after each step.
 *
 * Exit codes: 0 success, 1 an invariant was violated, 2 wrong usage.
 */

import { Command, InvalidArgumentError, Option } from 'commander';
import fc from 'fast-check';
import { describePlan, Plan, plan } from './plan';
import { runWorld } from './runWorld';
import { memoryDatabases, openPostgresDatabases, WorldDatabases } from './WorldDatabase';

const PROGRESS_EVERY = 50;
/** Time limit of one world, and of the search for a smaller failing one: ample on a busy machine. */
const WORLD_LIMIT_MS = 600_000;
const MAX_FAILURES = 5;
const POSTGRES_VARIABLE = 'BACKSTAGE_TEST_DATABASE_POSTGRES15_CONNECTION_STRING';
const LOCAL_POSTGRES = 'postgresql://postgres@127.0.0.1:5432';

function toCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new InvalidArgumentError('It must be an integer of 0 or more.');
  }
  return count;
}

interface Failure {
  readonly seed: number;
  readonly plan: Plan | undefined;
  readonly error: string;
}

function toMessage(error: unknown): string {
  const tooLong = `it did not end within ${WORLD_LIMIT_MS / 1000} s`;
  return error instanceof Error ? (error.stack ?? error.message) : tooLong;
}

/** Looks for a smaller failing world when a world fails. */
async function checkWorld(
  seed: number,
  databases: WorldDatabases,
): Promise<Failure | undefined> {
  const property = fc.asyncProperty(plan, async randomPlan =>
    runWorld(randomPlan, await databases.next()),
  );
  const details = await fc.check(property, {
    seed,
    numRuns: 1,
    interruptAfterTimeLimit: WORLD_LIMIT_MS,
    markInterruptAsFailure: false,
  });
  if (!details.failed) {
    return undefined;
  }
  const { counterexample, errorInstance } = details;
  return {
    seed,
    plan: counterexample?.[0],
    error: toMessage(errorInstance),
  };
}

interface Options {
  readonly worlds: number;
  readonly seed: number;
  readonly database: string;
}

function parseOptions(args: readonly string[]): Options {
  const program = new Command('npm run soak --')
    .option('--worlds <number>', 'number of worlds', toCount, 2000)
    .option(
      '--seed <number>',
      'seed of the first world; each further world has the next one',
      toCount,
      1,
    )
    .addOption(
      new Option('--database <kind>', 'database of the stores')
        .choices(['memory', 'postgres'])
        .default('memory'),
    )
    .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : 2));
  program.parse([...args], { from: 'user' });
  return program.opts<Options>();
}

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  const databases =
    options.database === 'postgres'
      ? await openPostgresDatabases(process.env[POSTGRES_VARIABLE] ?? LOCAL_POSTGRES)
      : memoryDatabases;
  try {
    return await checkWorlds(options, databases);
  } finally {
    await databases.close();
  }
}

async function checkWorlds(options: Options, databases: WorldDatabases): Promise<number> {
  const { database, seed, worlds } = options;
  const startedAt = process.cpuUsage();
  let failed = 0;
  for (let done = 0; done < worlds && failed < MAX_FAILURES;) {
    const failure = await checkWorld(seed + done, databases);
    done += 1;
    if (failure) {
      failed += 1;
      report(failure, database);
    }
    if (done % PROGRESS_EVERY === 0 || done === worlds) {
      const { user, system } = process.cpuUsage(startedAt);
      const seconds = ((user + system) / 1e6).toFixed(1);
      print(`${done} worlds, ${failed} failed, ${seconds} s of CPU time`);
    }
  }
  return failed > 0 ? 1 : 0;
}

function report({ seed, plan: failed, error }: Failure, database: string): void {
  print(`\nWorld ${seed} fails: ${error}`);
  if (failed) {
    print(`The smallest failing world that was found:\n${describePlan(failed)}`);
  }
  const where = database === 'memory' ? '' : ` --database ${database}`;
  print(`Repeat it with: npm run soak -- --worlds 1 --seed ${seed}${where}\n`);
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
