/**
 * `npm run soak -- [--worlds 2000] [--seed 1] [--database postgres] [--shrink-seconds 60]`: runs
 * seeded random worlds with the module's own parts and a real store, and checks the invariants
 * after each step. When interrupted, it prints what is known.
 *
 * Exit codes: 0 success, 1 an invariant was violated or the soak was interrupted, 2 wrong usage.
 */

import { Command, InvalidArgumentError, Option } from 'commander';
import { Plan } from './plan';
import { runWorld } from './runWorld';
import { describeFailure, describeSize, WorldCheck } from './WorldCheck';
import { memoryDatabases, openPostgresDatabases, WorldDatabases } from './WorldDatabase';

const PROGRESS_EVERY = 50;
/** While a smaller failing world is looked for. */
const PROGRESS_MS = 10_000;
/** Time limit of one world: ample on a busy machine. */
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

interface Options {
  readonly worlds: number;
  readonly seed: number;
  readonly database: string;
  readonly shrinkSeconds: number;
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
    .option(
      '--shrink-seconds <number>',
      'time limit of the search for a smaller world when a world fails',
      toCount,
      60,
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
  const { database, seed: firstSeed, shrinkSeconds, worlds } = options;
  const startedAt = process.cpuUsage();
  let failed = 0;
  let done = 0;
  const progress = () => {
    const { user, system } = process.cpuUsage(startedAt);
    const seconds = ((user + system) / 1e6).toFixed(1);
    print(`${done} worlds, ${failed} failed, ${seconds} s of CPU time`);
  };
  const run = async (world: Plan) => runWorld(world, await databases.next());
  while (done < worlds && failed < MAX_FAILURES) {
    const seed = firstSeed + done;
    const check = new WorldCheck(seed, run);
    const report = () =>
      check.failure && print(`\n${describeFailure(check.failure, { database, seed })}\n`);
    const stopWatching = onInterrupt(() => {
      report();
      progress();
      print(`Interrupted in world ${seed}`);
      void databases.close().finally(() => process.exit(1));
    });
    const isFailing = await check.fails(WORLD_LIMIT_MS);
    done += 1;
    if (isFailing) {
      failed += 1;
      print(
        `World ${seed} fails. Looking for a smaller one for ${shrinkSeconds} s at most`,
      );
      await shrink(check, shrinkSeconds);
      report();
    }
    stopWatching();
    if (done % PROGRESS_EVERY === 0 || done === worlds) {
      progress();
    }
  }
  return failed > 0 ? 1 : 0;
}

async function shrink(check: WorldCheck, seconds: number): Promise<void> {
  const timer = setInterval(() => {
    const size = check.failure && describeSize(check.failure.plan);
    print(`${check.tried} worlds tried, the smallest that fails: ${size}`);
  }, PROGRESS_MS);
  await check.shrink(seconds * 1000);
  clearInterval(timer);
}

/** @returns a function that stops listening */
function onInterrupt(listener: () => void): () => void {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  signals.forEach(signal => process.once(signal, listener));
  return () => signals.forEach(signal => process.off(signal, listener));
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
