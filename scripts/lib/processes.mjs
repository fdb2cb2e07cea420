/** Runs commands with a time limit, and leaves no process behind. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { clearTimeout, setTimeout } from 'node:timers';

const WINDOWS = process.platform === 'win32';
const DEFAULT_TIMEOUT_MS = 300_000;

const running = new Set();

/** npm passes its own settings to child processes; an inner npm must not inherit them. */
function environment(more) {
  const inherited = Object.entries(process.env).filter(
    ([key]) => !/^npm_(package|lifecycle)_/.test(key),
  );
  return { ...Object.fromEntries(inherited), ...more };
}

/**
 * Starts a command that runs until it is ended.
 *
 * @returns its process, its output so far, and a promise of its exit status
 */
export function start(command, args, { cwd, env } = {}) {
  const child = spawn(command, args, {
    cwd,
    env: environment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: WINDOWS,
    // Its own process group, so that its child processes end with it.
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
  // The caller that awaits it receives the error.
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
    // It has already ended.
  }
}

/** Waits for a process up to a time limit, and then kills it. */
export async function waitForEnd({ child, ended }, timeoutMs) {
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
  const result = await waitForEnd(start(command, args, options), timeoutMs).catch(
    error => {
      throw new Error(`${line} failed: ${error.message}`);
    },
  );
  if (result.late) {
    throw new Error(`${line} took longer than ${timeoutMs / 1000} s\n${tail(result)}`);
  }
  if (!statuses.includes(result.status)) {
    throw new Error(`${line} ended with ${result.status}\n${tail(result)}`);
  }
  return result;
}

const SHOWN_LINES = 60;

/** Returns the end of a process's output. */
export function tail({ stdout, stderr }) {
  return `${stdout}${stderr}`.trimEnd().split('\n').slice(-SHOWN_LINES).join('\n');
}

/** Ends all processes that are still running. */
function killAll() {
  running.forEach(kill);
}

/** Also cleans up when the script itself is ended. */
export function onEnd(cleanUp) {
  process.once('exit', () => {
    killAll();
    cleanUp();
  });
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
}
