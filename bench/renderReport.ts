/** Renders the tables and verdicts as Markdown, for the terminal and for RESULTS.md. Pure. */

import { BackstageResult } from './backstages';
import { Verdict } from './criteria';
import {
  describeBucket,
  describeDisturbance,
  describeEnd,
  formatCount,
  formatMegabytes,
  formatSeconds,
  formatSpread,
  SUBJECT_NAMES,
} from './describe';
import { CellResult, Result, Subject, SUBJECTS } from './measurement';
import { Cell, FILE_EVERY, REPOSITORIES_PER_PROJECT } from './plan';
import { renderBackstages } from './renderBackstages';
import { Column, renderTable } from './renderTable';

/** When and how it was measured, without anything that identifies the machine. */
export interface Facts {
  /** `2025-01-31` */
  readonly date: string;
  /** `v20.1.0` */
  readonly node: string;
  readonly cpus: number;
  /** The command that was run. */
  readonly command: string;
  /** The total duration. */
  readonly minutes: number;
  /** The versions of both modules. */
  readonly versions: Readonly<Record<Subject, string>>;
}

const MODULE: Column = { heading: 'module' };
const LOCATIONS: Column = { heading: 'Locations, or how it failed' };
const NUMBERS: readonly Column[] = [
  { heading: 'requests', align: 'right' },
  { heading: '429', align: 'right' },
  { heading: 'seconds', align: 'right' },
  { heading: 'CPU seconds', align: 'right' },
  { heading: 'peak memory, MB', align: 'right' },
  { heading: 'longest stall, ms', align: 'right' },
  { heading: 'runs', align: 'right' },
];

/** All results. */
export interface Measured {
  readonly cells: readonly CellResult[];
  readonly backstages: readonly BackstageResult[];
  readonly verdicts: readonly Verdict[];
}

/** Renders everything below the title; parts that were not measured have no section. */
export function renderReport(measured: Measured, facts: Facts): string {
  const { backstages, cells, verdicts } = measured;
  return [
    renderFacts(facts),
    ...(cells.length > 0 ? renderCells(cells) : []),
    ...(backstages.length > 0
      ? ['## A whole Backstage', renderBackstages(backstages)]
      : []),
    '## Criteria',
    renderVerdicts(verdicts),
  ].join('\n\n');
}

function renderCells(results: readonly CellResult[]): string[] {
  const orderly = results.filter(({ cell }) => cell.disturbance === undefined);
  const disturbed = results.filter(({ cell }) => cell.disturbance !== undefined);
  return [
    '## Runs',
    renderTable([...CELL_COLUMNS, MODULE, ...NUMBERS, LOCATIONS], getRows(orderly)),
    NOTES,
    '## Disturbances',
    renderTable(
      [{ heading: 'disturbance' }, ...CELL_COLUMNS, MODULE, ...NUMBERS, LOCATIONS],
      getRows(disturbed, ({ disturbance }) => [
        disturbance ? describeDisturbance(disturbance) : '',
      ]),
    ),
    '## Requests by kind',
    renderTable([...CELL_COLUMNS, MODULE, { heading: 'requests' }], rowsByKind(orderly)),
  ];
}

/** One line for each criterion. */
function renderVerdicts(verdicts: readonly Verdict[]): string {
  return verdicts
    .map(({ about, passed, text }) => {
      const word = passed === true ? 'pass' : passed === false ? 'FAIL' : 'not measured';
      return `- ${word} (${about}): ${text}`;
    })
    .join('\n');
}

const CELL_COLUMNS: readonly Column[] = [
  { heading: 'repositories', align: 'right' },
  { heading: 'latency', align: 'right' },
  { heading: 'bucket', align: 'right' },
  { heading: 'files checked' },
  { heading: 'code search' },
  { heading: 'run' },
];

const NOTES = [
  `- Several runs of a cell: the median, with the minimum and the maximum in brackets. If a run failed or was stopped, that is shown instead.`,
  `- Peak memory is the resident memory of a process that does nothing else; "+" is its growth during the run.`,
  `- Bucket: tokens it holds and tokens added each second. 60 + 5/s is the example of Bitbucket's documentation. "limit shown": users may read these numbers; otherwise (or "limit hidden") only a 429 reveals that there is a limit. Runs against a bucket mostly wait, so several cells are measured at the same time, which affects their CPU time and stalls a little, but not their duration.`,
  `- ≈: not run, since it would take too long, but extrapolated from a smaller server in the same situation: as many requests per repository, the additional ones at the pace of the second half of that run. A failure there counts as a failure here.`,
  `- Longest stall: the longest time for which the event loop was blocked; in brackets, the CPU time of the process in it.`,
  `- Nothing has changed before a second run: it checks only repositories without a known file, or those that code search, if available, does not cover.`,
  `- "files checked" is \`validateLocationsExist\`. One repository in ${FILE_EVERY} holds a catalog file; projects have ${REPOSITORIES_PER_PROJECT} repositories.`,
].join('\n');

function renderFacts({ date, node, cpus, command, minutes, versions }: Facts): string {
  return [
    `- ${date}, Node.js ${node}, ${cpus} CPUs, \`${command}\`, ${minutes.toFixed(1)} min`,
    `- ${SUBJECT_NAMES.ours}: ${versions.ours}; ${SUBJECT_NAMES.peer}: \`@backstage/plugin-catalog-backend-module-bitbucket-server\` ${versions.peer}`,
    '- The same simulated Bitbucket for both, over HTTP on the loopback interface; each run in a process of its own, the first one with nothing in the catalog yet. Times exclude the start of that process.',
  ].join('\n');
}

/** Returns two rows per cell, one for each module. */
function getRows(
  results: readonly CellResult[],
  lead: (cell: Cell) => string[] = () => [],
): string[][] {
  return results.flatMap(result =>
    SUBJECTS.map(subject => [
      ...lead(result.cell),
      ...describeColumns(result.cell),
      SUBJECT_NAMES[subject],
      ...getNumbers(result[subject]),
      describeEnd(result[subject], result.cell),
    ]),
  );
}

function describeColumns(cell: Cell): string[] {
  return [
    formatCount(cell.repositories),
    `${cell.latencyMs} ms`,
    describeBucket(cell.bucket),
    cell.validateLocationsExist ? 'yes' : 'no',
    cell.hasSearch ? 'yes' : 'no',
    cell.isUnchanged ? 'second' : 'first',
  ];
}

function getNumbers(result: Result): string[] {
  if (result.kind === 'scaled') {
    const { requests, rateLimited, seconds, cpuSeconds } = result;
    return [
      `≈ ${formatCount(requests)}`,
      `≈ ${formatCount(rateLimited)}`,
      `≈ ${formatSeconds(seconds)}`,
      `≈ ${formatSeconds(cpuSeconds)}`,
      '-',
      '-',
      '-',
    ];
  }
  if (result.kind !== 'finished') {
    return NUMBERS.map(() => '-');
  }
  const growth = result.peakBytes.median - result.idleBytes;
  return [
    formatSpread(result.requests),
    formatSpread(result.rateLimited),
    formatSpread(result.seconds, formatSeconds),
    formatSpread(result.cpuSeconds, formatSeconds),
    `${formatMegabytes(result.peakBytes.median)} (+${formatMegabytes(growth)})`,
    `${formatCount(result.stallMs.median)} (${formatCount(result.stallCpuMs.median)})`,
    formatCount(result.runs),
  ];
}

function rowsByKind(results: readonly CellResult[]): string[][] {
  return results.flatMap(result =>
    SUBJECTS.map(subject => [
      ...describeColumns(result.cell),
      SUBJECT_NAMES[subject],
      describeKinds(result[subject]),
    ]),
  );
}

function describeKinds(result: Result): string {
  if (result.kind !== 'finished' && result.kind !== 'scaled') {
    return '-';
  }
  return Object.entries(result.byKind)
    .sort(([, a], [, b]) => b - a)
    .map(([kind, count]) => `${formatCount(count)} ${kind}`)
    .join(', ');
}
