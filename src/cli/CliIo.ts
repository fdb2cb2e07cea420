/**
 * The world as the command line sees it. Everything it touches is here, so that tests can
 * hand in their own; `index.ts` hands in the real one. And how commands end: with an exit
 * code, or early with an error that is told apart by name.
 */

import { CustomErrorBase, isError } from '@backstage/errors';
import { Fetch } from '../http/HttpTransport';
import { Clock } from '../util/clock';
import { plainText } from '../util/text';
import { Layout, layOut } from './layOut';

/** What the commands may use. */
export interface CliIo extends ProcessIo {
  /** Results for machines and shells: as they are, neither wrapped nor coloured. */
  readonly verbatim: (text: string) => void;
}

/** What the process has. */
export interface ProcessIo {
  /** Results. */
  readonly stdout: (text: string) => void;
  /** Progress and complaints. */
  readonly stderr: (text: string) => void;
  /** Brings the terminal of `stderr` to the start of its line, and clears that. */
  readonly rewind: () => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where relative paths begin and the default configuration lies. */
  readonly cwd: string;
  /** Whether `stderr` is a terminal: then one line is rewritten in place. */
  readonly isTerminal: boolean;
  /** Width of that terminal, in characters. */
  readonly columns: number;
  /** What can be shown on each of the two. */
  readonly layouts: { readonly stdout: Layout; readonly stderr: Layout };
  readonly clock: Clock;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** For requests to Bitbucket and Backstage; that of Node.js when left out. */
  readonly fetch?: Fetch;
  readonly readFile: (path: string) => Promise<string>;
  readonly writeFile: (path: string, text: string) => Promise<void>;
}

/**
 * Takes out of all that is printed what a terminal would act on: names, files and messages
 * come from anywhere. Then lays it out.
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

/** 0: fine. 1: something failed, or what was asked for does not exist. 2: wrong usage or configuration. */
export type ExitCode = 0 | 1 | 2;

/** The command line or the configuration is wrong: exit code 2. */
export class UsageError extends CustomErrorBase {
  override name = 'UsageError' as const;
}

/** The world is wrong: exit code 1. */
export class CommandFailedError extends CustomErrorBase {
  override name = 'CommandFailedError' as const;
}

/** What happened, in words for a person at a terminal. */
export function describeError(error: unknown): string {
  const message = isError(error) ? error.message : 'it failed without a reason';
  // Said to the log of a backend, and not true here.
  return message.replace(/\. The next attempt is the next scheduled run$/, '');
}
