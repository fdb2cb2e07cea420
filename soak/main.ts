/**
 * `npm run soak -- [--worlds 2000] [--seed 1] [--database postgres]`: lets seeded random worlds happen, with the
 * module's own parts and a real store, and checks after each step what must hold.
 *
 * Exit codes: 0 fine, 1 something was violated, 2 wrong usage.
 */

import { Command, InvalidArgumentError, Option } from 'commander';
import fc from 'fast-check';
import { describePlan, Plan, plan } from './plan';
import { runWorld } from './runWorld';
import { memoryDatabases, openPostgresDatabases, WorldDatabases } from './WorldDatabase';

const PROGRESS_EVERY = 50;
/** For one world, and to look for a smaller one that fails too: ample on a busy machine. */
const WORLD_LIMIT_MS = 600_000;
const MAX_FAILURES = 5;
const POSTGRES_VARIABLE = 'BACKSTAGE_TEST_DATABASE_POSTGRES15_CONNECTION_STRING';
const LOCAL_POSTGRES = 'postgresql://postgres@127.0.0.1:5432';

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

function toMessage(error: unknown): string {
  const tooLong = `it has not ended after ${WORLD_LIMIT_MS / 1000} s`;
  return error instanceof Error ? (error.stack ?? error.message) : tooLong;
}

/** Looks for a smaller world that fails too, where one fails. */
async function checkWorld(
  seed: number,
  databases: WorldDatabases,
): Promise<Failure | undefined> {
  const property = fc.asyncProperty(plan, async one =>
    runWorld(one, await databases.next()),
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
    .option('--worlds <number>', 'how many worlds', toCount, 2000)
    .option('--seed <number>', 'of the first; each world has the next one', toCount, 1)
    .addOption(
      new Option('--database <kind>', 'where they keep what they know')
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
    print(`The smallest that was found:\n${describePlan(failed)}`);
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
