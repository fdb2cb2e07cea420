/** Numbers, times, budgets and columns as people are shown them: the same on every machine. Pure. */

import { ServerBudget } from '../http/rateStrategy';
import { PreviewedBudget } from './previewDocument';

/** `10,000` */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** `1 repository`, `10,000 repositories` */
export function formatPlural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** `9.8`; whole numbers without a fraction. */
export function formatRate(perSecond: number): string {
  return perSecond.toLocaleString('en-US', {
    maximumFractionDigits: perSecond < 10 ? 1 : 0,
  });
}

/** `82 %`, `< 1 %`; never 0 or 100 for a part that is not. */
export function formatShare(part: number, whole: number): string {
  if (whole <= 0 || part <= 0) {
    return '0 %';
  }
  const percent = (part / whole) * 100;
  if (percent < 1) {
    return '< 1 %';
  }
  return percent > 99 && part < whole ? '> 99 %' : `${Math.round(percent)} %`;
}

/** `850 ms`, `12.4 s`, `3 min 20 s`, `1 h 2 min` */
export function formatDuration(ms: number): string {
  if (ms < 1000) {
    return `${Math.round(ms)} ms`;
  }
  if (ms < 59_950) {
    return `${formatRate(Math.round(ms / 100) / 10)} s`;
  }
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) {
    return joinUnits(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  }
  const minutes = Math.round(seconds / 60);
  return joinUnits(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
}

function joinUnits(many: number, unit: string, rest: number, smaller: string): string {
  return rest === 0 ? `${many} ${unit}` : `${many} ${unit} ${rest} ${smaller}`;
}

const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

/** `2025-03-04 12:34:56 UTC`; what is no ISO time is left as it is. */
export function formatTime(iso: string): string {
  const ms = ISO_TIME.test(iso) ? Date.parse(iso) : NaN;
  return Number.isNaN(ms)
    ? iso
    : `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** A budget as people are shown it; `undefined` where the server does not tell. */
export function toPreviewedBudget(
  budget: ServerBudget | undefined,
): PreviewedBudget | undefined {
  if (budget === undefined || budget === 'unknown' || budget === 'not-read') {
    return undefined;
  }
  if (budget === 'whitelisted' || !budget.enabled) {
    return { kind: 'unlimited' };
  }
  const { capacity, fillRate } = budget;
  return { kind: 'limited', capacity, fillRatePerSecond: fillRate };
}

/** `60 requests at once, 5 more each second` */
export function describeBudget(budget: PreviewedBudget | undefined): string {
  if (budget === undefined) {
    return 'the server does not tell';
  }
  return budget.kind === 'unlimited'
    ? 'requests are not limited'
    : `${formatPlural(budget.capacity, 'request')} at once, ${formatRate(budget.fillRatePerSecond)} more each second`;
}

/** Indents each line. */
export function indent(text: string, by = '  '): string {
  return text.replace(/^(?=.)/gm, by);
}

/** Columns beside each other, those in `rightAligned` to the right, as numbers are. */
export function renderColumns(
  rows: readonly (readonly string[])[],
  rightAligned: readonly number[] = [],
): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  const pad = (cell: string, column: number) =>
    rightAligned.includes(column)
      ? cell.padStart(widths[column] ?? 0)
      : cell.padEnd(widths[column] ?? 0);
  return rows.map(row => row.map(pad).join('  ').trimEnd()).join('\n');
}
