/** How a text for people fills a terminal: its lines wrapped, its key words coloured. Pure. */

import { createColors } from 'picocolors';

/** What a stream can show. */
export interface Layout {
  /** Characters in a line; absent where nobody sees lines, as in a file or a pipe. */
  readonly columns?: number;
  readonly colors: boolean;
}

const colors = createColors(true);

/** What each stands for is at the beginning of its line, or all of that. */
const STYLES: readonly (readonly [RegExp, (text: string) => string])[] = [
  [/^(?:Provider|Backstage|Compared with|Conflicts:|Errors in) .*$/gm, colors.bold],
  [/(?<=^ *(?:Outcome {2,})?)registered\b/gm, colors.green],
  [/(?<=^ *)ok(?= {2})/gm, colors.green],
  [/^ *\+ \S+$|^Discovery can work\.$/gm, colors.green],
  [/(?<=^ *(?:Outcome {2,})?)unknown\b/gm, colors.yellow],
  [/(?<=^ *)(?:note(?= {2})|warning:|Held back:|= \S+$)/gm, colors.yellow],
  [/(?<=^ *)(?:FAILED|error:|Error(?= {2})|- https?:\S+$)/gm, colors.red],
  [/^Discovery cannot work\b.*$/gm, colors.red],
  [/(?<=^ *)What to do\b:?/gm, colors.cyan],
];

/** Codes of colours, as they stand in a text: they take no room. */
// eslint-disable-next-line no-control-regex -- that is what they begin with
const CODES = /\u001B\[\d+m/g;

/**
 * Lays out a text that holds nothing else which a terminal acts on.
 *
 * @returns the same words; line breaks are added between words only
 */
export function layOut(text: string, layout: Layout): string {
  const styled = layout.colors
    ? STYLES.reduce((done, [pattern, style]) => done.replace(pattern, style), text)
    : text;
  const { columns } = layout;
  return columns === undefined
    ? styled
    : styled
        .split('\n')
        .map(line => wrap(line, columns))
        .join('\n');
}

/** Whether colours are wanted on a stream, by the conventions of no-color.org and Node.js. */
export function wantsColors(
  env: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
): boolean {
  if (env.NO_COLOR) {
    return false;
  }
  const forced = env.FORCE_COLOR;
  if (forced !== undefined) {
    return forced !== '0' && forced !== 'false';
  }
  return isTerminal && env.TERM !== 'dumb';
}

const widthOf = (text: string) => text.replace(CODES, '').length;

/** A word that is too long, such as a URL, is left whole, so that it can be copied. */
function wrap(line: string, columns: number): string {
  if (widthOf(line) <= columns || isCommand(line)) {
    return line;
  }
  const hang = ' '.repeat(findHang(line.replace(CODES, ''), columns));
  const lines: string[] = [];
  let current = '';
  // A gap between columns belongs to the word before it.
  for (const word of line.match(/ *\S+(?: {2,}(?=\S))?/g) ?? []) {
    const isFull = current.trim() !== '' && widthOf(current + word) > columns;
    if (isFull) {
      lines.push(current.trimEnd());
    }
    current = isFull ? `${hang}${word.trimStart()}` : current + word;
  }
  return [...lines, current].join('\n');
}

/** Examples of the help are there to be copied. */
function isCommand(line: string): boolean {
  return /^ *\$ /.test(line);
}

/** Where the lines after the first begin: at its second column, or as far in as itself. */
function findHang(line: string, columns: number): number {
  const indent = line.length - line.trimStart().length;
  const gap = /\S {2,}(?=\S)/.exec(line);
  const column = gap ? gap.index + gap[0].length : indent;
  return [column, indent].find(one => one <= columns / 2) ?? 0;
}
