/**
 * The environment of the command line, as an interface, so that tests can replace it;
 * `index.ts` passes the real one. Also the ways in which commands end, with an exit code or
 * early with an error whose name decides the exit code; how text is laid out; and the progress,
 * which is apart from the results: on a terminal one line that is rewritten in place, elsewhere
 * (a build server, a file) a line every few seconds.
 */

import { CustomErrorBase, isError } from '@backstage/errors';
import { Fetch } from '../http/HttpTransport';
import { Clock } from '../util/clock';
import { plainText } from '../util/text';
import { createColors } from 'picocolors';

/** The environment that the commands use. */
export interface CliIo extends ProcessIo {
  /** Results for scripts and shells, neither wrapped nor coloured. */
  readonly verbatim: (text: string) => void;
}

/** The environment that the process provides. */
export interface ProcessIo {
  /** Results. */
  readonly stdout: (text: string) => void;
  /** Progress, warnings and errors. */
  readonly stderr: (text: string) => void;
  /** Moves the cursor of `stderr` to the start of its line and clears the line. */
  readonly rewind: () => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder of the default configuration and the base of relative paths. */
  readonly cwd: string;
  /** The capabilities of both streams. */
  readonly layouts: { readonly stdout: Layout; readonly stderr: Layout };
  readonly clock: Clock;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** For requests to Bitbucket and Backstage; defaults to that of Node.js. */
  readonly fetch?: Fetch;
  readonly readFile: (path: string) => Promise<string>;
  readonly writeFile: (path: string, text: string) => Promise<void>;
}

/**
 * Replaces characters in the output that a terminal would interpret, since names, files and
 * messages are not trusted, and lays the output out.
 */
export function printable(io: ProcessIo): CliIo {
  const { stdout, stderr } = io.layouts;
  return {
    ...io,
    stdout: text => io.stdout(layOut(plainText(text), stdout)),
    stderr: text => io.stderr(layOut(plainText(text), stderr)),
    verbatim: text => io.stdout(plainText(text)),
  };
}

/** 0: success. 1: something failed, or the repository does not exist. 2: wrong usage or configuration. */
export type ExitCode = 0 | 1 | 2;

/** The command line or the configuration is wrong: exit code 2. */
export class UsageError extends CustomErrorBase {
  override name = 'UsageError' as const;
}

/** The command failed for a cause outside of it: exit code 1. */
export class CommandFailedError extends CustomErrorBase {
  override name = 'CommandFailedError' as const;
}

/** Returns the message of an error, for a person at a terminal. */
export function describeError(error: unknown): string {
  const message = isError(error) ? error.message : 'it failed without a reason';
  // This holds for the log of a backend only.
  return message.replace(/\. The next attempt is the next scheduled run$/, '');
}

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

const getWidth = (text: string) => text.replace(CODES, '').length;

/** Wraps a line. A word that is too long, such as a URL, stays whole, so that it can be copied. */
function wrap(line: string, columns: number): string {
  if (getWidth(line) <= columns || isCommand(line)) {
    return line;
  }
  const hang = ' '.repeat(findHang(line.replace(CODES, ''), columns));
  const lines: string[] = [];
  let current = '';
  // The gap between two columns belongs to the word before it.
  for (const word of line.match(/ *\S+(?: {2,}(?=\S))?/g) ?? []) {
    const isFull = current.trim() !== '' && getWidth(current + word) > columns;
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

/** Short enough to show movement, long enough not to flicker. */
const REWRITE_INTERVAL_MS = 100;

/** The interval between lines where there is no terminal. */
const LINE_INTERVAL_MS = 10_000;

const BAR_WIDTH = 24;

/** Shows the progress of one command. */
export class Progress {
  #lastMs: number | undefined;
  #lastLine = '';
  #isLineOpen = false;

  constructor(private readonly io: CliIo) {}

  /** Starts a new phase; its text is always shown. */
  begin(text: string): void {
    this.#lastMs = undefined;
    this.update(text);
  }

  /** Shows a text unless the last one was shown too recently. */
  update(text: string): void {
    const { clock, layouts } = this.io;
    const nowMs = clock.now();
    const intervalMs = layouts.stderr.columns ? REWRITE_INTERVAL_MS : LINE_INTERVAL_MS;
    if (this.#lastMs !== undefined && nowMs - this.#lastMs < intervalMs) {
      return;
    }
    this.#lastMs = nowMs;
    this.#lastLine = text.replaceAll('\n', ' ');
    this.#write(this.#lastLine);
  }

  /** Shows the last line again if this is a terminal. */
  resume(): void {
    if (this.io.layouts.stderr.columns) {
      this.#write(this.#lastLine);
    }
  }

  /** Clears the line: before other output, and at the end. */
  end(): void {
    if (this.#isLineOpen) {
      this.io.rewind();
      this.#isLineOpen = false;
    }
  }

  #write(line: string): void {
    const { stderr, rewind, layouts } = this.io;
    const { columns } = layouts.stderr;
    if (columns === undefined) {
      stderr(`${line}\n`);
      return;
    }
    // A line that wraps could not be rewritten.
    rewind();
    stderr(line.slice(0, Math.max(columns - 1, 1)));
    this.#isLineOpen = true;
  }
}

/** `[######----]  25 %` */
export function renderBar(done: number, total: number): string {
  const share = total === 0 ? 1 : Math.min(done / total, 1);
  const filled = Math.round(share * BAR_WIDTH);
  const bar = '#'.repeat(filled) + '-'.repeat(BAR_WIDTH - filled);
  return `[${bar}] ${String(Math.floor(share * 100)).padStart(3)} %`;
}
