/**
 * Installs packages with npm and Yarn. For minutes after a release, a registry or a cache in
 * front of it may list a version in one document and not yet in another: the request is
 * correct, and the same install is retried.
 */

import { setTimeout as wait } from 'node:timers/promises';
import { run } from './processes.mjs';

/** Pauses before the first, the second and the last retry. */
const PAUSES_MS = [20_000, 60_000, 60_000];

/** The output of npm and Yarn when no known version is in the range. */
const UNKNOWN_VERSION = [
  /No matching version found for .*/,
  /^npm error code ETARGET$/m,
  /YN0082: .*/,
];

/**
 * Decides whether a failed install is retried.
 *
 * @param output - the output of the install
 * @param retries - the number of retries so far
 * @returns the pause before the retry, in milliseconds, and its reason; undefined without a retry
 */
export function decideRetry(output, retries) {
  const pauseMs = PAUSES_MS[retries];
  const reason = UNKNOWN_VERSION.map(pattern => pattern.exec(output)?.[0]).find(Boolean);
  return reason && pauseMs !== undefined ? { pauseMs, reason } : undefined;
}

/**
 * @param install - receives whether to ignore cached documents of the registry
 * @returns the result of the first successful install
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
