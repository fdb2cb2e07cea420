/** Lays out text for a terminal: wraps lines and colours key words. Pure. */

import { createColors } from 'picocolors';

/** The capabilities of an output stream. */
export interface Layout {
  /** Characters per line; absent where lines are not wrapped, as in a file or a pipe. */
  readonly columns?: number;
  readonly colors: boolean;
}

const colors = createColors(true);

/** Each pattern matches at the beginning of a line, or a whole line. */
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

/** Colour codes in a text: they have no width on the screen. */
// eslint-disable-next-line no-control-regex -- colour codes begin with it
const CODES = /\u001B\[\d+m/g;

/**
 * Lays out a text.
 *
 * @param text - without control characters, except for line breaks
 * @returns the same words; line breaks are added between words only
 */
export function layOut(text: string, layout: Layout): string {
  const styled = layout.colors
    ? STYLES.reduce((current, [pattern, style]) => current.replace(pattern, style), text)
    : text;
  const { columns } = layout;
  return columns === undefined
    ? styled
    : styled
        .split('\n')
        .map(line => wrap(line, columns))
        .join('\n');
}

/** Whether to use colours on a stream, by the conventions of no-color.org and Node.js. */
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

/** Wraps a line. A word that is too long, such as a URL, stays whole, so that it can be copied. */
function wrap(line: string, columns: number): string {
  if (widthOf(line) <= columns || isCommand(line)) {
    return line;
  }
  const hang = ' '.repeat(findHang(line.replace(CODES, ''), columns));
  const lines: string[] = [];
  let current = '';
  // The gap between two columns belongs to the word before it.
  for (const word of line.match(/ *\S+(?: {2,}(?=\S))?/g) ?? []) {
    const isFull = current.trim() !== '' && widthOf(current + word) > columns;
    if (isFull) {
      lines.push(current.trimEnd());
    }
    current = isFull ? `${hang}${word.trimStart()}` : current + word;
  }
  return [...lines, current].join('\n');
}

/** Whether a line is an example of the help, which users copy. */
function isCommand(line: string): boolean {
  return /^ *\$ /.test(line);
}

/** The indentation of continuation lines: the second column, or that of the line itself. */
function findHang(line: string, columns: number): number {
  const indent = line.length - line.trimStart().length;
  const gap = /\S {2,}(?=\S)/.exec(line);
  const column = gap ? gap.index + gap[0].length : indent;
  return [column, indent].find(hang => hang <= columns / 2) ?? 0;
}
