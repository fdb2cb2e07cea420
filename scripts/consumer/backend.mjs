/** Starts an installed backend with a simulated Bitbucket and sends requests to it. */

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { assert } from '../lib/checks.mjs';
import { waitForEnd, start, tail } from '../lib/processes.mjs';
import { startBitbucket } from './bitbucket.mjs';

const ATTEMPTS = 180;
const PAUSE_MS = 500;
/**
 * In production, a Backstage backend with event subscribers shuts down only after its own
 * request for the next event has timed out, after 55 seconds.
 */
const STOP_WITHIN_MS = { production: 80_000, development: 15_000 };

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * Starts Bitbucket and, with `node`, the backend.
 *
 * @param options - `cwd`: the folder of app-config.yaml; `args`: for Node.js; `mode`: for
 * `NODE_ENV`; `variables`: more of its environment
 */
export async function startBackend(options) {
  const { node = process.execPath, args, cwd, mode, variables } = options;
  const bitbucket = await startBitbucket();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const secrets = {
    ...bitbucket.secrets,
    BACKSTAGE_TOKEN: randomBytes(16).toString('hex'),
  };
  const env = {
    ...variables,
    ...secrets,
    NODE_ENV: mode,
    NODE_OPTIONS: '',
    BACKSTAGE_URL: url,
    BACKSTAGE_PORT: String(port),
    BITBUCKET_HOST: bitbucket.host,
    BITBUCKET_API_BASE_URL: bitbucket.apiBaseUrl,
  };
  const backend = start(node, args, { cwd, env });
  return { bitbucket, secrets, env, url, mode, ...backend };
}

/** Sends a request to the backend as an authenticated caller. */
async function ask({ url, secrets }, path, init = {}) {
  const authorization = `Bearer ${secrets.BACKSTAGE_TOKEN}`;
  const response = await globalThis.fetch(`${url}${path}`, {
    ...init,
    headers: { authorization, ...init.headers },
    signal: globalThis.AbortSignal.timeout(10_000),
  });
  return { status: response.status, text: await response.text() };
}

/** The names of entities, sorted. */
export async function entityNames(backend, filter) {
  const path = `/api/catalog/entities/by-query?filter=${encodeURIComponent(filter)}`;
  const { status, text } = await ask(backend, path);
  assert(status === 200, `${path} was answered with ${status}: ${text}`);
  return JSON.parse(text)
    .items.map(entity => entity.metadata.name)
    .sort();
}

/** Waits until the catalog has exactly these Components. */
export async function waitForComponents(backend, expected) {
  const wanted = [...expected].sort().join(', ');
  let last = 'nothing';
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const { exitCode, signalCode } = backend.child;
    assert(
      exitCode === null && signalCode === null,
      `the backend ended with ${exitCode ?? signalCode}\n${tail(backend.output)}`,
    );
    last = await entityNames(backend, 'kind=component').then(
      names => names.join(', '),
      error => error.message,
    );
    if (last === wanted) {
      return;
    }
    await sleep(PAUSE_MS);
  }
  throw new Error(`found ${last} instead of ${wanted}\n${tail(backend.output)}`);
}

/** Delivers a webhook from Bitbucket. */
export function deliver(backend, { headers, body }) {
  return ask(backend, '/api/events/http/bitbucketServer', {
    method: 'POST',
    headers: { ...headers, authorization: '' },
    body,
  });
}

/** Requests its shutdown, like a container runtime. */
export async function stopBackend(backend) {
  backend.child.kill('SIGTERM');
  const { late, status, signal } = await waitForEnd(
    backend,
    STOP_WITHIN_MS[backend.mode],
  );
  await backend.bitbucket.close();
  assert(!late, `has not stopped in time\n${tail(backend.output)}`);
  assert(status === 0, `ended with ${status ?? signal}\n${tail(backend.output)}`);
  const log = backend.output.stdout + backend.output.stderr;
  const logged = Object.entries(backend.secrets).filter(
    ([key, value]) => key !== 'BITBUCKET_USERNAME' && log.includes(value),
  );
  assert(
    logged.length === 0,
    `its log contains ${logged.map(([key]) => key).join(', ')}`,
  );
}
