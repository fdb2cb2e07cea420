/**
 * `npm run bench`: this module and the published one, side by side against the same
 * simulated Bitbucket. Prints tables and verdicts; a full run writes RESULTS.md as well,
 * `--quick` (under 90 seconds, for CI) only prints.
 *
 * Exit codes: 0 fine, 1 a count is not what it must be (times are only reported), 2 wrong
 * usage.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { assessCriteria, Verdict } from './criteria';
import { describeCell, formatSeconds, SUBJECT_NAMES } from './describe';
import { measure } from './measure';
import { CellResult, Measurement, Subject, SUBJECTS, summarizeRuns } from './measurement';
import { Cell, Mode, Plan, planFor } from './plan';
import { Facts, renderReport } from './renderReport';

const RESULTS_FILE = join(__dirname, 'RESULTS.md');
/** With less, a cell is not begun. */
const SHORTEST_LIMIT_SECONDS = 5;
const PEER_PACKAGE = '@backstage/plugin-catalog-backend-module-bitbucket-server';
const COMMANDS: Readonly<Record<Mode, string>> = {
  full: 'npm run bench',
  quick: 'npm run bench -- --quick',
};

async function main(args: readonly string[]): Promise<number> {
  const mode = modeOf(args);
  if (!mode) {
    process.stderr.write(`Usage: ${COMMANDS.full}, or ${COMMANDS.quick}\n`);
    return 2;
  }
  const results = await measureAll(planFor(mode));
  const verdicts = assessCriteria(results);
  const report = renderReport(results, verdicts, facts(mode));
  process.stdout.write(`\n${report}\n`);
  if (mode === 'full') {
    writeFileSync(RESULTS_FILE, `# Benchmark\n\n${report}\n`);
  }
  return verdicts.some(verdict => failsRun(verdict, mode)) ? 1 : 0;
}

function modeOf(args: readonly string[]): Mode | undefined {
  if (args.length === 0) {
    return 'full';
  }
  return args.length === 1 && args[0] === '--quick' ? 'quick' : undefined;
}

/** A slow machine may stop a cell of a quick run; a full run has to measure all of them. */
function failsRun({ about, passed }: Verdict, mode: Mode): boolean {
  const fails = passed === false || (passed === 'not measured' && mode === 'full');
  return about === 'count' && fails;
}

async function measureAll(plan: Plan): Promise<CellResult[]> {
  const results: CellResult[] = [];
  const endsAt = performance.now() + plan.totalSeconds * 1000;
  const limitSeconds = () =>
    Math.min(plan.limitSeconds, Math.ceil((endsAt - performance.now()) / 1000));
  for (const cell of plan.cells) {
    if (limitSeconds() < SHORTEST_LIMIT_SECONDS) {
      process.stderr.write(`${describeCell(cell)}: left out, there is no time left\n`);
      continue;
    }
    results.push(await measureCell(cell, limitSeconds));
  }
  return results;
}

/** The modules take turns, so that what else the machine does meets both. */
async function measureCell(cell: Cell, limitSeconds: () => number): Promise<CellResult> {
  const runs: Record<Subject, Measurement[]> = { ours: [], peer: [] };
  for (let repeat = 0; repeat < cell.repeats; repeat += 1) {
    for (const subject of SUBJECTS) {
      const run = await measure(subject, cell, Math.max(1, limitSeconds()));
      runs[subject].push(run);
      process.stderr.write(
        `${describeCell(cell)}: ${SUBJECT_NAMES[subject]}: ${progressOf(run)}\n`,
      );
    }
  }
  return { cell, ours: summarizeRuns(runs.ours), peer: summarizeRuns(runs.peer) };
}

function progressOf(run: Measurement): string {
  return run.kind === 'finished' ? `${formatSeconds(run.seconds)} s` : run.kind;
}

function facts(mode: Mode): Facts {
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    cpus: availableParallelism(),
    command: COMMANDS[mode],
    versions: {
      ours: versionIn(join(__dirname, '..', 'package.json')),
      peer: versionIn(require.resolve(`${PEER_PACKAGE}/package.json`)),
    },
  };
}

function versionIn(file: string): string {
  const manifest: unknown = JSON.parse(readFileSync(file, 'utf8'));
  return z.object({ version: z.string() }).parse(manifest).version;
}

main(process.argv.slice(2)).then(
  code => {
    process.exitCode = code;
  },
  error => {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
    process.exitCode = 1;
  },
);
