/** Runs commands, each bounded in time, and leaves none of them behind. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { clearTimeout, setTimeout } from 'node:timers';

const WINDOWS = process.platform === 'win32';
const DEFAULT_TIMEOUT_MS = 300_000;

const running = new Set();

/** npm hands its own settings down; an inner npm is to start afresh. */
function environment(more) {
  const inherited = Object.entries(process.env).filter(
    ([key]) => !/^npm_(package|lifecycle)_/.test(key),
  );
  return { ...Object.fromEntries(inherited), ...more };
}

/**
 * Starts a command that goes on until it is ended.
 *
 * @returns its process, what it has printed so far, and a promise of how it ended
 */
export function start(command, args, { cwd, env } = {}) {
  const child = spawn(command, args, {
    cwd,
    env: environment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: WINDOWS,
    // A group of its own, so that what it has started ends with it.
    detached: !WINDOWS,
  });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr']) {
    child[stream].setEncoding('utf8').on('data', text => {
      output[stream] += text;
    });
  }
  running.add(child);
  const ended = once(child, 'close')
    .then(([status, signal]) => ({ status, signal, ...output }))
    .finally(() => running.delete(child));
  // Whoever waits for it hears of it.
  ended.catch(() => {});
  return { child, output, ended };
}

function kill(child) {
  try {
    if (WINDOWS) {
      child.kill('SIGKILL');
    } else {
      process.kill(-child.pid, 'SIGKILL');
    }
  } catch {
    // It has ended in the meantime.
  }
}

/** Waits for a process, but not longer than so long; then it is ended by force. */
export async function endOf({ child, ended }, timeoutMs) {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    kill(child);
  }, timeoutMs);
  try {
    return { late, ...(await ended) };
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a command to its end; throws with its output when it fails. */
export async function run(command, args, options = {}) {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, statuses = [0] } = options;
  const line = [command, ...args].join(' ');
  const result = await endOf(start(command, args, options), timeoutMs).catch(error => {
    throw new Error(`${line} failed: ${error.message}`);
  });
  if (result.late) {
    throw new Error(`${line} took longer than ${timeoutMs / 1000} s\n${tail(result)}`);
  }
  if (!statuses.includes(result.status)) {
    throw new Error(`${line} ended with ${result.status}\n${tail(result)}`);
  }
  return result;
}

const SHOWN_LINES = 60;

/** The end of what a process has printed. */
export function tail({ stdout, stderr }) {
  return `${stdout}${stderr}`.trimEnd().split('\n').slice(-SHOWN_LINES).join('\n');
}

/** Ends everything that still runs. */
function killAll() {
  running.forEach(kill);
}

/** Cleans up also when the script itself is ended. */
export function onEnd(cleanUp) {
  process.once('exit', () => {
    killAll();
    cleanUp();
  });
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
}
