/**
 * The code of a measured process: creates one module, runs it once, and reports time and memory
 * to the benchmark. `ours.ts` and `peer.ts` choose the module.
 */

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LoggerService } from '@backstage/backend-plugin-api';
import { Config, ConfigReader } from '@backstage/config';
import { EntityProviderConnection } from '@backstage/plugin-catalog-node';
import { toIntegration } from './integration';
import { Phase, Report, Task, TaskSchema } from './messages';

/** The dependencies of a module. */
export interface SubjectSetup {
  readonly config: Config;
  readonly logger: LoggerService;
  readonly connection: EntityProviderConnection;
  /** For state that has to be stored: a separate SQLite file, or a PostgreSQL server. */
  readonly databaseFile?: string;
  readonly postgresUrl?: string;
}

/** A connected module. */
export interface ConnectedSubject {
  /** Runs discovery once. */
  run(): Promise<void>;
  /** The number of rows written so far, if the module stores any. */
  rowsWritten?(): Promise<number>;
  /** Releases all resources. */
  close?(): Promise<void>;
}

/** Connects a module. */
export type ConnectSubject = (setup: SubjectSetup) => Promise<ConnectedSubject>;

const SAMPLE_MS = 5;

/** Measures and ends the process. */
export function measureProcess(connect: ConnectSubject): void {
  // The benchmark has ended.
  process.on('disconnect', () => process.exit(1));
  measure(connect, TaskSchema.parse(JSON.parse(process.argv[2] ?? '')))
    .then(report => {
      process.send?.(report, () => process.exit(0));
    })
    .catch(error => {
      process.stderr.write(`${error}\n`);
      process.exit(1);
    });
}

async function measure(connect: ConnectSubject, task: Task): Promise<Report> {
  const catalog = createCountingConnection();
  const { logger, lastError } = createErrorLogger();
  const config = new ConfigReader(toAppConfig(task));
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  const databaseFile = task.phases.length > 1 ? join(folder, 'db.sqlite') : undefined;
  const { connection } = catalog;
  const { postgresUrl, phases } = task;
  const subject = await connect({
    config,
    logger,
    connection,
    databaseFile,
    postgresUrl,
  });
  for (const phase of phases.slice(1)) {
    await subject.run();
    catalog.forget();
    await requestPhase(phase);
  }
  const rowsBefore = await subject.rowsWritten?.();
  sendMessage({ type: 'started' });
  const startedAtMs = Date.now();
  const usage = watchUsage();
  let error: string | undefined;
  try {
    await subject.run();
    // The published module swallows its errors; an unfinished run applies no mutation.
    const isApplied = catalog.locations() !== undefined;
    error = isApplied ? undefined : (lastError() ?? 'nothing reached the catalog');
  } catch (thrown) {
    error = String(thrown);
  }
  const used = usage.stop();
  const rowsAfter = await subject.rowsWritten?.();
  await subject.close?.();
  rmSync(folder, { recursive: true });
  const locations = catalog.locations() ?? 0;
  const rowsWritten = rowsAfter && rowsAfter - (rowsBefore ?? 0);
  return { type: 'report', startedAtMs, ...used, locations, error, rowsWritten };
}

/** Sends a message to the benchmark. */
function sendMessage(message: object): void {
  process.send?.(message);
}

/** Asks the benchmark to prepare the server for a phase. */
async function requestPhase(phase: Phase): Promise<void> {
  sendMessage({ type: 'ready', phase });
  await once(process, 'message');
}

/** A catalog that only counts: stored entities would count as memory of the module. */
function createCountingConnection() {
  let locations: number | undefined;
  const connection: EntityProviderConnection = {
    async applyMutation(mutation) {
      if (mutation.type === 'full') {
        locations = mutation.entities.filter(
          ({ entity }) => typeof entity.spec?.target === 'string',
        ).length;
      }
    },
    async refresh() {},
  };
  return {
    connection,
    locations: () => locations,
    forget: () => {
      locations = undefined;
    },
  };
}

function toAppConfig(task: Task) {
  const { validateLocationsExist } = task;
  const integration = toIntegration(task);
  const { host } = integration;
  return {
    integrations: { bitbucketServer: [integration] },
    catalog: { providers: { bitbucketServer: { host, validateLocationsExist } } },
  };
}

/** Measures this process: time, CPU time, memory, and how long it blocks the event loop. */
function watchUsage() {
  const startedAt = performance.now();
  const startedCpu = process.cpuUsage();
  const idleBytes = process.memoryUsage.rss();
  let [peakBytes, stallMs, stallCpuMs] = [idleBytes, 0, 0];
  let last = { at: startedAt, cpu: startedCpu };
  const sample = () => {
    const now = { at: performance.now(), cpu: process.cpuUsage() };
    const { user, system } = process.cpuUsage(last.cpu);
    stallMs = Math.max(stallMs, now.at - last.at);
    stallCpuMs = Math.max(stallCpuMs, Math.min((user + system) / 1000, now.at - last.at));
    peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
    last = now;
  };
  const timer = setInterval(sample, SAMPLE_MS);
  return {
    stop: () => {
      clearInterval(timer);
      sample();
      const { user, system } = process.cpuUsage(startedCpu);
      const seconds = (performance.now() - startedAt) / 1000;
      const cpuSeconds = (user + system) / 1e6;
      return { seconds, cpuSeconds, stallMs, stallCpuMs, idleBytes, peakBytes };
    },
  };
}

/** A logger without cost that keeps only the last error. */
function createErrorLogger() {
  let last: string | undefined;
  const logger: LoggerService = {
    error: message => {
      last = message;
    },
    warn: () => {},
    info: () => {},
    debug: () => {},
    child: () => logger,
  };
  return { logger, lastError: () => last };
}
