/**
 * The duration of the runs of both modules as a self-contained picture: a panel for each number
 * of repositories, a bar for each module and situation. Pure.
 */

import { formatCount, formatSeconds, SUBJECT_NAMES } from './describe';
import { CellResult, Result, Subject, SUBJECTS } from './measurement';
import { Cell } from './plan';

const WIDTH = 820;
const LABEL_WIDTH = 110;
const VALUE_WIDTH = 170;
/** As between machines of one site; the table has other latencies too. */
const LATENCY_MS = 20;
const BAR_HEIGHT = 12;
const ROW_HEIGHT = 2 * BAR_HEIGHT + 8;
const PANEL_GAP = 46;
const TOP = 64;
const COLORS: Readonly<Record<Subject, string>> = { ours: '#2563eb', peer: '#94a3b8' };
const FAILED_COLOR = '#b91c1c';
const FONT = 'font-family="system-ui, sans-serif"';

/**
 * Renders first runs that check files, which are comparable, as an SVG. Those with a limit that
 * the server does not report take about as long as the others, so only the table has them.
 */
export function renderPlot(results: readonly CellResult[]): string {
  const cold = results.filter(({ cell }) => isCold(cell));
  const sizes = [...new Set(cold.map(({ cell }) => cell.repositories))];
  const panels: string[] = [];
  let top = TOP;
  for (const size of sizes) {
    const rows = cold.filter(({ cell }) => cell.repositories === size);
    panels.push(renderPanel(size, rows, top));
    top += rows.length * ROW_HEIGHT + PANEL_GAP;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" width="${WIDTH}" height="${top}" ${FONT} font-size="12">`,
    `<rect width="${WIDTH}" height="${top}" fill="#ffffff"/>`,
    text(
      16,
      26,
      `Seconds for a first run with ${LATENCY_MS} ms per answer, by repositories and rate limit`,
      'font-size="16" font-weight="600"',
    ),
    ...SUBJECTS.map((subject, index) => renderLegend(subject, 16 + index * 140)),
    ...panels,
    '</svg>',
    '',
  ].join('\n');
}

function isCold(cell: Cell): boolean {
  const { bucket, disturbance, hasSearch, isUnchanged, latencyMs } = cell;
  const isPlain = cell.validateLocationsExist && !disturbance && !hasSearch;
  return latencyMs === LATENCY_MS && isPlain && bucket?.isShown !== false && !isUnchanged;
}

function renderLegend(subject: Subject, x: number): string {
  return [
    `<rect x="${x}" y="36" width="12" height="12" fill="${COLORS[subject]}"/>`,
    text(x + 18, 46, SUBJECT_NAMES[subject]),
  ].join('\n');
}

function renderPanel(size: number, rows: readonly CellResult[], top: number): string {
  const longest = Math.max(
    ...rows.flatMap(row => SUBJECTS.map(subject => getSeconds(row[subject]) ?? 0)),
    Number.MIN_VALUE,
  );
  const scale = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / longest;
  const lines = rows.flatMap((row, index) => {
    const y = top + 16 + index * ROW_HEIGHT;
    const { bucket } = row.cell;
    const limit = bucket ? `${bucket.capacity} + ${bucket.fillRate}/s` : 'no limit';
    return [
      text(LABEL_WIDTH - 8, y + BAR_HEIGHT + 4, limit, 'text-anchor="end"'),
      ...SUBJECTS.map((subject, turn) =>
        renderBar(row[subject], COLORS[subject], y + turn * BAR_HEIGHT, scale),
      ),
    ];
  });
  const heading = text(
    16,
    top + 4,
    `${formatCount(size)} repositories`,
    'font-weight="600"',
  );
  return [heading, ...lines].join('\n');
}

function renderBar(result: Result, color: string, y: number, scale: number): string {
  const seconds = getSeconds(result);
  if (seconds === undefined) {
    const word = result.kind === 'stopped' ? 'stopped' : 'fails';
    return text(LABEL_WIDTH + 4, y + BAR_HEIGHT - 3, word, `fill="${FAILED_COLOR}"`);
  }
  const width = Math.max(1, seconds * scale).toFixed(1);
  const isExtrapolated = result.kind === 'scaled';
  const value = `${isExtrapolated ? '≈ ' : ''}${formatSeconds(seconds)} s`;
  return [
    `<rect x="${LABEL_WIDTH}" y="${y}" width="${width}" height="${BAR_HEIGHT - 2}" fill="${color}"${isExtrapolated ? ' fill-opacity="0.6"' : ''}/>`,
    text(LABEL_WIDTH + Number(width) + 5, y + BAR_HEIGHT - 3, value),
  ].join('\n');
}

function getSeconds(result: Result): number | undefined {
  switch (result.kind) {
    case 'finished':
      return result.seconds.median;
    case 'scaled':
      return result.seconds;
    default:
      return undefined;
  }
}

function text(x: number, y: number, content: string, attributes = ''): string {
  const escaped = content.replace(/&/g, '&amp;').replace(/</g, '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y}" ${attributes.includes('fill=') ? '' : `fill="#0f172a" `}${attributes}>${escaped}</text>`;
}
