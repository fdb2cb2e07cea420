/**
 * `npm run bench`: this module and the published one, side by side against the same
 * simulated Bitbucket. Prints tables and verdicts; a full run (up to 25 minutes on two quiet
 * cores) writes RESULTS.md and results.svg as well. `--quick` (under 90 seconds, for CI),
 * `--only WORD...` (the cells, or Backstage installations, whose description has all of these
 * words) and `--scale` (huge servers on which little or nothing has changed; the next argument
 * sets the number of repositories) only print.
 *
 * Exit codes: 0 success, 1 a criterion about a count was not met (times are only reported),
 * 2 wrong usage.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { BACKSTAGES, describeBackstage } from './backstages';
import { assessBackstages, assessCriteria, Verdict } from './criteria';
import { findPostgres } from '../scripts/lib/postgres';
import { describeCell, formatCount, formatSeconds, SUBJECT_NAMES } from './describe';
import { measure } from './measure';
import { measureBackstages } from './measureBackstage';
import {
  CellResult,
  Measurement,
  Result,
  Subject,
  SUBJECTS,
  summarizeRuns,
} from './measurement';
import { renderPlot } from './renderPlot';
import {
  Cell,
  isMeasured,
  isMeasuredAtScale,
  Mode,
  Plan,
  getPhases,
  planFor,
  getRepeats,
  SCALE_SIZES,
  scaleCells,
} from './plan';
import { extrapolateResult } from './extrapolateResult';
import { Facts, renderReport } from './renderReport';
import { Column, renderTable } from './renderTable';

const RESULTS_FILE = join(__dirname, 'RESULTS.md');
const PLOT_FILE = join(__dirname, 'results.svg');
/** With less time left, no further cell is started. */
const MIN_LIMIT_SECONDS = 5;
const SCALE_LIMIT_SECONDS = 900;
const SCALE_COLUMNS: readonly Column[] = [
  { heading: 'repositories', align: 'right' },
  { heading: 'run' },
  { heading: 'module' },
  { heading: 's', align: 'right' },
  { heading: 'CPU ms per repository', align: 'right' },
  { heading: 'peak MB', align: 'right' },
  { heading: 'longest stall ms', align: 'right' },
  { heading: 'of which CPU ms', align: 'right' },
  { heading: 'rows written', align: 'right' },
];
const SCALE_NOTES = `- Only the listing is requested (\`validateLocationsExist: false\`): every repository has a Location. "changed": 1 % of the repositories have been renamed.
- A second run comes after a first one in the same process, whose memory counts, too. Rows written: inserted, updated or deleted rows, as counted by the database.
- The published module sends a request per repository and stores nothing, so each of its runs is like the first. With 100,000 repositories it takes minutes and is not run: its CPU time per repository is that with 10,000.`;
const PEER_PACKAGE = '@backstage/plugin-catalog-backend-module-bitbucket-server';
const COMMANDS: Readonly<Record<Mode, string>> = {
  full: 'npm run bench',
  quick: 'npm run bench -- --quick',
};

async function main(args: readonly string[]): Promise<number> {
  if (args[0] === '--scale') {
    const table = await measureScale(
      args.length > 1 ? args.slice(1).map(Number) : SCALE_SIZES,
    );
    process.stdout.write(`\n${table}\n`);
    return 0;
  }
  const words = args[0] === '--only' ? args.slice(1) : [];
  const mode = words.length > 0 ? 'full' : parseMode(args);
  if (!mode) {
    process.stderr.write(
      `Usage: ${COMMANDS.full}, ${COMMANDS.quick}, or ${COMMANDS.full} -- followed by --only WORD... or --scale [repositories]\n`,
    );
    return 2;
  }
  const startedAtMs = performance.now();
  const cells = await measureAll(planFor(mode), words);
  const backstages = await measureBackstages(
    mode === 'full'
      ? BACKSTAGES.filter(setting => hasWords(describeBackstage(setting), words))
      : [],
  );
  const verdicts = [...assessCriteria(cells), ...assessBackstages(backstages)];
  const isWhole = mode === 'full' && words.length === 0;
  const scale = isWhole ? await measureScale(SCALE_SIZES) : undefined;
  const minutes = (performance.now() - startedAtMs) / 60_000;
  const report = renderReport({ cells, backstages, verdicts }, facts(mode, minutes));
  process.stdout.write(`\n${report}\n`);
  if (scale !== undefined) {
    writeFileSync(
      RESULTS_FILE,
      `# Benchmark\n\n![Seconds](results.svg)\n\n${report}\n\n## Scale\n\n${scale}\n\n${SCALE_NOTES}\n`,
    );
    writeFileSync(PLOT_FILE, renderPlot(cells));
  }
  return verdicts.some(verdict => failsRun(verdict, mode)) ? 1 : 0;
}

async function measureScale(sizes: readonly number[]): Promise<string> {
  const hasPostgres = (await findPostgres()) !== undefined;
  const databases = hasPostgres
    ? (['SQLite', 'PostgreSQL'] as const)
    : (['SQLite'] as const);
  const cells = sizes.flatMap(size =>
    databases.flatMap(database => scaleCells(size, database)),
  );
  const rows: string[][] = [];
  for (const cell of cells) {
    for (const subject of SUBJECTS.filter(candidate =>
      isMeasuredAtScale(cell, candidate),
    )) {
      rows.push(await measureScaleRow(cell, subject));
      process.stderr.write(`${rows.at(-1)?.join(', ')}\n`);
    }
  }
  return renderTable(SCALE_COLUMNS, rows);
}

async function measureScaleRow(cell: Cell, subject: Subject): Promise<string[]> {
  const { database, repositories } = cell;
  const run = await measure(subject, cell, SCALE_LIMIT_SECONDS);
  return [
    formatCount(repositories),
    getPhases(cell).at(-1) ?? '',
    subject === 'ours' ? `${SUBJECT_NAMES.ours}, ${database}` : SUBJECT_NAMES.peer,
    ...describeScale(run, repositories),
  ];
}

function describeScale(run: Measurement, size: number): string[] {
  return run.kind === 'finished'
    ? [
        formatSeconds(run.seconds),
        ((run.cpuSeconds * 1000) / size).toFixed(3),
        (run.peakBytes / 1e6).toFixed(0),
        run.stallMs.toFixed(0),
        run.stallCpuMs.toFixed(0),
        String(run.rowsWritten ?? '-'),
      ]
    : [run.kind === 'failed' ? `failed: ${run.error}` : run.kind];
}

function parseMode(args: readonly string[]): Mode | undefined {
  if (args.length === 0) {
    return 'full';
  }
  return args.length === 1 && args[0] === '--quick' ? 'quick' : undefined;
}

/** On a slow machine, cells of a quick run may be stopped; a full run has to measure all of them. */
function failsRun({ about, passed }: Verdict, mode: Mode): boolean {
  const fails = passed === false || (passed === 'not measured' && mode === 'full');
  return about === 'count' && fails;
}

async function measureAll(plan: Plan, words: readonly string[]): Promise<CellResult[]> {
  const results: CellResult[] = [];
  const endsAt = performance.now() + plan.totalSeconds * 1000;
  const limitSeconds = () =>
    Math.min(plan.limitSeconds, Math.ceil((endsAt - performance.now()) / 1000));
  for (const group of plan.groups) {
    const cells = group.filter(cell => hasWords(describeCell(cell), words));
    if (limitSeconds() < MIN_LIMIT_SECONDS) {
      const left = cells.map(describeCell).join('; ');
      process.stderr.write(`${left}: left out because no time is left\n`);
      continue;
    }
    const smaller = [...results];
    results.push(
      ...(await Promise.all(cells.map(cell => measureCell(cell, limitSeconds, smaller)))),
    );
  }
  return results;
}

function hasWords(text: string, words: readonly string[]): boolean {
  return words.every(word => text.includes(word));
}

/** The modules take turns, so that other load on the machine affects both. */
async function measureCell(
  cell: Cell,
  limitSeconds: () => number,
  smaller: readonly CellResult[],
): Promise<CellResult> {
  const runs: Record<Subject, Measurement[]> = { ours: [], peer: [] };
  const repeats = { ours: getRepeats(cell, 'ours'), peer: getRepeats(cell, 'peer') };
  for (let repeat = 0; repeat < Math.max(repeats.ours, repeats.peer); repeat += 1) {
    for (const subject of SUBJECTS) {
      if (!isMeasured(cell, subject) || repeat >= repeats[subject]) {
        continue;
      }
      const run = await measure(subject, cell, Math.max(1, limitSeconds()));
      runs[subject].push(run);
      process.stderr.write(
        `${describeCell(cell)}: ${SUBJECT_NAMES[subject]}: ${describeProgress(run)}\n`,
      );
    }
  }
  const toResult = (subject: Subject): Result =>
    runs[subject].length > 0
      ? summarizeRuns(runs[subject])
      : extrapolateResult(cell, subject, smaller);
  return { cell, ours: toResult('ours'), peer: toResult('peer') };
}

function describeProgress(run: Measurement): string {
  return run.kind === 'finished' ? `${formatSeconds(run.seconds)} s` : run.kind;
}

function facts(mode: Mode, minutes: number): Facts {
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    cpus: availableParallelism(),
    command: COMMANDS[mode],
    minutes,
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
