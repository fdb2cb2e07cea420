/**
 * Installs packages with npm and Yarn. For minutes after a release a registry, or a cache
 * before it, may tell of a version in one document and not yet in another: then nothing is
 * wrong with what was asked for, and the same install is tried again.
 */

import { setTimeout as wait } from 'node:timers/promises';
import { run } from './processes.mjs';

/** Before the first retry, the second, the last. */
const PAUSES_MS = [20_000, 60_000, 60_000];

/** What npm and Yarn print when no version that they know of is in the range. */
const UNKNOWN_VERSION = [
  /No matching version found for .*/,
  /^npm error code ETARGET$/m,
  /YN0082: .*/,
];

/**
 * Decides whether an install that failed is tried again.
 *
 * @param output - what it has printed
 * @param retries - how many there were
 * @returns the pause before it, in milliseconds, and why; undefined if it is not
 */
export function decideRetry(output, retries) {
  const pauseMs = PAUSES_MS[retries];
  const reason = UNKNOWN_VERSION.map(pattern => pattern.exec(output)?.[0]).find(Boolean);
  return reason && pauseMs !== undefined ? { pauseMs, reason } : undefined;
}

/**
 * @param install - is told whether to forget what is cached of the registry's documents
 * @returns what it returns as soon as it succeeds
 */
export async function installWithRetries(
  install,
  { pause = wait, say = console.log } = {},
) {
  for (let retries = 0; ; retries += 1) {
    try {
      return await install({ afresh: retries > 0 });
    } catch (error) {
      const retry = decideRetry(error.message, retries);
      if (!retry) {
        throw error;
      }
      const { reason, pauseMs } = retry;
      say(`  retried in ${pauseMs / 1000} s with fresh documents: ${reason}`);
      await pause(pauseMs);
    }
  }
}

/** Runs an npm command that installs. */
export function installWithNpm(args, options) {
  return installWithRetries(({ afresh }) =>
    run('npm', afresh ? preferOnline(args) : args, options),
  );
}

function preferOnline(args) {
  return [...args.filter(arg => arg !== '--prefer-offline'), '--prefer-online'];
}
