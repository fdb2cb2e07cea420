/**
 * The entry point of `bitbucket-server-discovery`, started by `bin/`. Only this file of the
 * command line uses the process, its files and its signals.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { systemClock } from '../util/clock';
import { Layout, wantsColors } from './terminal';
import { runCli } from './program';

const DEFAULT_COLUMNS = 80;

/**
 * Runs the command line of this process and ends it.
 *
 * @public
 */
export async function main(): Promise<void> {
  const stop = new AbortController();
  // Once: a second Ctrl-C ends the process immediately.
  process.once('SIGINT', () => stop.abort(new Error('interrupted')));
  process.once('SIGTERM', () => stop.abort(new Error('terminated')));
  for (const stream of [process.stdout, process.stderr]) {
    // The reader closed the pipe, as `head` does.
    stream.on('error', () => process.exit(1));
  }
  const exitCode = await runCli(process.argv.slice(2), {
    stdout: text => void process.stdout.write(text),
    stderr: text => void process.stderr.write(text),
    rewind: () => void process.stderr.write('\r\u001B[K'),
    env: process.env,
    cwd: process.cwd(),
    layouts: { stdout: getLayout(process.stdout), stderr: getLayout(process.stderr) },
    clock: systemClock,
    signal: stop.signal,
    readFile: file => readFile(file, 'utf8'),
    writeFile,
  });
  // An idle or hanging connection must not keep the process alive.
  await Promise.all([process.stdout, process.stderr].map(flush));
  process.exit(exitCode);
}

/** Wraps lines on a terminal only: the reader of a pipe or a file expects them whole. */
function getLayout({ isTTY, columns }: NodeJS.WriteStream): Layout {
  return {
    colors: wantsColors(process.env, isTTY === true),
    ...(isTTY && { columns: columns || DEFAULT_COLUMNS }),
  };
}

/** Waits until a stream has written everything: a pipe would otherwise lose its end. */
function flush(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise(resolve => stream.write('', () => resolve()));
}
