/** Formats numbers, times, budgets and columns for people, in the same way on every machine. Pure. */

import { ServerBudget } from '../http/rateStrategy';
import { formatPlural } from '../util/text';
import { PreviewedBudget } from './previewDocument';

/** `9.8`; whole numbers without a fraction. */
export function formatRate(perSecond: number): string {
  return perSecond.toLocaleString('en-US', {
    maximumFractionDigits: perSecond < 10 ? 1 : 0,
  });
}

/** `82 %`, `< 1 %`; 0 and 100 only for exactly nothing and exactly everything. */
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

function joinUnits(
  count: number,
  unit: string,
  rest: number,
  smallerUnit: string,
): string {
  return rest === 0 ? `${count} ${unit}` : `${count} ${unit} ${rest} ${smallerUnit}`;
}

const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

/** `2025-03-04 12:34:56 UTC`; text that is not an ISO time is returned unchanged. */
export function formatTime(iso: string): string {
  const ms = ISO_TIME.test(iso) ? Date.parse(iso) : NaN;
  return Number.isNaN(ms)
    ? iso
    : `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** Converts a budget for display; `undefined` if the server does not report it. */
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
    return 'not reported by the server';
  }
  return budget.kind === 'unlimited'
    ? 'requests are not limited'
    : `${formatPlural(budget.capacity, 'request')} at once, ${formatRate(budget.fillRatePerSecond)} more each second`;
}

/** Indents each line. */
export function indent(text: string, by = '  '): string {
  return text.replace(/^(?=.)/gm, by);
}

/** Aligns rows in columns; `rightAligned` holds the indices of columns with numbers. */
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
