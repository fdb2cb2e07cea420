/** Starts a backend as a process and ends it. For tests; see `backendProcessMain.ts`. */

import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import path from 'node:path';
import { JsonObject } from '@backstage/types';
import { apiAuthConfig } from './backendApi';
import { eventually } from './eventually';
import { ProcessFeature } from './processFeatures';

/** Ample for several at once on a busy machine, which compile all code. */
const MAX_START_MS = 120_000;

/** The number of characters of a process's output that are shown when it does not get ready. */
const SHOWN_OUTPUT = 4_000;

/** Starts a backend on its own port, and waits until it serves. */
export async function startProcess(options: {
  readonly config: JsonObject;
  readonly database?: string;
  readonly features: readonly ProcessFeature[];
}): Promise<{ baseUrl: string; stop: () => Promise<void> }> {
  const { database, features } = options;
  const port = await findFreePort();
  const baseUrl = `http://127.0.0.1:${port}`;
  const config: JsonObject = {
    app: { baseUrl },
    ...options.config,
    backend: {
      ...Object(options.config.backend),
      baseUrl,
      listen: { host: '127.0.0.1', port },
      auth: apiAuthConfig,
      database: database
        ? { client: 'pg', connection: database, pluginDivisionMode: 'schema' }
        : { client: 'better-sqlite3', connection: ':memory:' },
    },
  };
  const child = spawnProcess({ config, features: [...features] });
  const written: string[] = [];
  [child.stdout, child.stderr].forEach(stream =>
    stream?.setEncoding('utf8').on('data', (text: string) => written.push(text)),
  );
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
  };
  try {
    await eventually(() => assertReady(baseUrl), MAX_START_MS);
  } catch (error) {
    await stop();
    throw new Error(`${error}; it wrote: ${written.join('').slice(-SHOWN_OUTPUT)}`);
  }
  return { baseUrl, stop };
}

function spawnProcess(task: JsonObject): ChildProcess {
  return spawn(
    process.execPath,
    [
      '--require',
      require.resolve('@backstage/cli-node/config/nodeTransform.cjs'),
      path.join(__dirname, 'backendProcessMain.ts'),
      JSON.stringify(task),
    ],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
      // With `test`, the scheduler would never release the lock of a killed process.
      env: { ...process.env, NODE_ENV: 'development' },
    },
  );
}

async function assertReady(baseUrl: string): Promise<void> {
  const { status } = await fetch(`${baseUrl}/.backstage/health/v1/readiness`);
  if (status !== 200) {
    throw new Error(`The backend is not ready: ${status}`);
  }
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise(resolve => server.close(resolve));
  if (typeof address !== 'object' || address === null) {
    throw new Error('no port');
  }
  return address.port;
}
