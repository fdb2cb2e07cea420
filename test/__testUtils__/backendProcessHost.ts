/** Starts backends as processes and ends them. For tests; see `backendProcess.ts`. */

import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import path from 'node:path';
import { JsonObject } from '@backstage/types';
import { apiAuthConfig, BackendApi, createBackendApi } from './backendProcessApi';
import { eventually } from '../../src/__testUtils__/eventually';

/** So much of what a process has written is shown when it does not get ready. */
const SHOWN_OUTPUT = 4_000;

/** A backend in a process of its own. */
export interface BackendProcess extends BackendApi {
  /** Waits until it serves. */
  ready(): Promise<void>;
  /** Ends it with SIGKILL, and waits for that. */
  kill(): Promise<void>;
  /** Everything it has written so far. */
  output(): string;
}

/** What to start. */
export interface BackendProcessOptions {
  /** `backend.baseUrl`, `.listen` and `.auth` are filled in. */
  readonly config: JsonObject;
  /** A connection string; each plugin gets a schema. */
  readonly database: string;
  /** Without it, only webhooks are received. */
  readonly withCatalog: boolean;
}

/** Starts a backend on a port of its own; returns before it serves. */
export async function startBackendProcess(
  options: BackendProcessOptions,
): Promise<BackendProcess> {
  const port = await findFreePort();
  const baseUrl = `http://127.0.0.1:${port}`;
  const config: JsonObject = {
    app: { baseUrl },
    ...options.config,
    backend: {
      baseUrl,
      listen: { host: '127.0.0.1', port },
      auth: apiAuthConfig,
      database: {
        client: 'pg',
        connection: options.database,
        pluginDivisionMode: 'schema',
      },
    },
  };
  const child = spawnProcess({ config, withCatalog: options.withCatalog });
  const written: string[] = [];
  [child.stdout, child.stderr].forEach(stream =>
    stream?.setEncoding('utf8').on('data', (text: string) => written.push(text)),
  );
  const output = () => written.join('');
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  return {
    ...createBackendApi(baseUrl),
    output,
    ready: async () => {
      try {
        await eventually(() => assertReady(baseUrl));
      } catch (error) {
        throw new Error(`${error}; it wrote: ${output().slice(-SHOWN_OUTPUT)}`);
      }
    },
    kill: async () => {
      if (!hasEnded()) {
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      }
    },
  };
}

function spawnProcess(task: JsonObject): ChildProcess {
  return spawn(
    process.execPath,
    [
      '--require',
      require.resolve('@backstage/cli-node/config/nodeTransform.cjs'),
      path.join(__dirname, 'backendProcess.ts'),
      JSON.stringify(task),
    ],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
      // With `test`, the scheduler would never free the lock of a process that died.
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
