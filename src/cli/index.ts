/**
 * `bitbucket-server-discovery`: the edge of the command line, the only file of it that
 * touches the process, its files and its signals. Started by `bin/`.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { systemClock } from '../util/clock';
import { Layout, wantsColors } from './layOut';
import { runCli } from './program';

const DEFAULT_COLUMNS = 80;

/**
 * Runs the command line of this process and ends it.
 *
 * @public
 */
export async function main(): Promise<void> {
  const stop = new AbortController();
  // Once: a second Ctrl-C ends the process at once.
  process.once('SIGINT', () => stop.abort(new Error('interrupted')));
  process.once('SIGTERM', () => stop.abort(new Error('terminated')));
  for (const stream of [process.stdout, process.stderr]) {
    // The reader of the output has seen enough, as `head` has.
    stream.on('error', () => process.exit(1));
  }
  const exitCode = await runCli(process.argv.slice(2), {
    stdout: text => void process.stdout.write(text),
    stderr: text => void process.stderr.write(text),
    rewind: () => void process.stderr.write('\r\u001B[K'),
    env: process.env,
    cwd: process.cwd(),
    isTerminal: process.stderr.isTTY === true,
    columns: process.stderr.columns || DEFAULT_COLUMNS,
    layouts: { stdout: layoutOf(process.stdout), stderr: layoutOf(process.stderr) },
    clock: systemClock,
    signal: stop.signal,
    readFile: file => readFile(file, 'utf8'),
    writeFile,
  });
  // A connection kept alive, or one that hangs, must not keep the process.
  await Promise.all([process.stdout, process.stderr].map(flush));
  process.exit(exitCode);
}

/** Where lines are seen, they are wrapped: who reads a pipe or a file wants them whole. */
function layoutOf({ isTTY, columns }: NodeJS.WriteStream): Layout {
  return {
    colors: wantsColors(process.env, isTTY === true),
    ...(isTTY && { columns: columns || DEFAULT_COLUMNS }),
  };
}

/** What was written to a pipe is not lost when the process ends. */
function flush(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise(resolve => stream.write('', () => resolve()));
}
