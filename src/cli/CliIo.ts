/**
 * The environment of the command line, as an interface, so that tests can replace it;
 * `index.ts` passes the real one. Also the ways in which commands end: with an exit code, or
 * early with an error whose name decides the exit code.
 */

import { CustomErrorBase, isError } from '@backstage/errors';
import { Fetch } from '../http/HttpTransport';
import { Clock } from '../util/clock';
import { plainText } from '../util/text';
import { Layout, layOut } from './layOut';

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
  /** Whether `stderr` is a terminal, where the progress line is rewritten in place. */
  readonly isTerminal: boolean;
  /** Width of that terminal, in characters. */
  readonly columns: number;
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
