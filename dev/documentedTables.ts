/** The tables of the guide, generated from the code. Pure. */

import { CATALOG_ERROR_RULES } from '../src/discovery/catalogErrors';
import { explainOutcome } from '../src/discovery/explanations';
import {
  ABSENCE_REASONS,
  EXCLUSION_REASONS,
  OutcomeKind,
  UNKNOWN_REASONS,
} from '../src/model';
import { PROVIDER_KEYS, READING_KEYS } from './configurationTexts';

type Row = readonly string[];

const code = (text: string) => (text === '' ? '' : `\`${text}\``);

const OUTCOMES: readonly (readonly [OutcomeKind, string])[] = [
  ['registered', ''],
  ...EXCLUSION_REASONS.map(reason => ['excluded', reason] as const),
  ...ABSENCE_REASONS.map(reason => ['absent', reason] as const),
  ...UNKNOWN_REASONS.map(reason => ['unknown', reason] as const),
];

/** Formats a default: values as code, other texts unchanged. */
function findDefault(text: string): string {
  return /^(?:\/.*|true|false|auto|\d+)$/.test(text) ? code(text) : text;
}

/** The header and the rows of each table. */
const TABLES: Readonly<Record<string, () => readonly Row[]>> = {
  configuration: () => [
    ['key', 'default', 'meaning'],
    ...Object.entries(PROVIDER_KEYS).map(([key, entry]) => [
      code(key),
      findDefault(entry.default),
      entry.meaning,
    ]),
  ],
  reading: () => [
    ['key below `backend.reading.bitbucketServer`', 'default', 'meaning'],
    ...Object.entries(READING_KEYS).map(([key, { default: duration, meaning }]) => [
      code(key),
      Object.entries(duration)
        .map(([unit, count]) => `${count} ${unit}`)
        .join(' '),
      meaning,
    ]),
  ],
  outcomes: () => [
    ['outcome', 'reason', 'cause', 'remedy'],
    ...OUTCOMES.map(([outcome, reason]) => {
      const { cause = '', remedy = '' } = explainOutcome(outcome, reason) ?? {};
      return [code(outcome), code(reason), cause, remedy];
    }),
  ],
  'catalog-errors': () => [
    ['reason', 'remedy'],
    ...CATALOG_ERROR_RULES.map(({ reason, remedy }) => [code(reason), remedy]),
  ],
};

const PLACE = /<!-- table: ([\w-]+) -->[^]*?<!-- \/table -->/g;

/**
 * Inserts each table at its place in a page.
 *
 * @throws Error for a place with an unknown table
 */
export function withTables(text: string): string {
  return text.replace(PLACE, (_, name: string) => {
    const rows = TABLES[name]?.();
    if (!rows) {
      throw new Error(
        `there is no table ${name}, only ${Object.keys(TABLES).join(', ')}`,
      );
    }
    return `<!-- table: ${name} -->\n\n${render(rows)}\n\n<!-- /table -->`;
  });
}

/** Formats a table like Prettier. */
function render([header = [], ...rows]: readonly Row[]): string {
  const widths = header.map((_, column) =>
    Math.max(...[header, ...rows].map(row => (row[column] ?? '').length)),
  );
  const line = (row: Row) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [
    line(header),
    line(widths.map(width => '-'.repeat(width))),
    ...rows.map(line),
  ].join('\n');
}
