/**
 * What runs in a process that is measured: makes one module, runs it once, reports time
 * and memory to the benchmark. `ours.ts` and `peer.ts` say which module.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LoggerService } from '@backstage/backend-plugin-api';
import { Config, ConfigReader } from '@backstage/config';
import { EntityProviderConnection } from '@backstage/plugin-catalog-node';
import { Report, Task, TaskSchema } from './messages';

/** What a module is given. */
export interface SubjectSetup {
  readonly config: Config;
  readonly logger: LoggerService;
  readonly connection: EntityProviderConnection;
  /** Where something is to be kept, a file of its own. */
  readonly databaseFile?: string;
}

/** Connects a module; what is returned runs discovery once. */
export type ConnectSubject = (setup: SubjectSetup) => Promise<() => Promise<void>>;

const SAMPLE_MS = 5;

/** Measures and ends the process. */
export function measureProcess(connect: ConnectSubject): void {
  // Nobody is there any more to be reported to.
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
  const databaseFile = task.isUnchanged ? join(folder, 'db.sqlite') : undefined;
  const { connection } = catalog;
  const run = await connect({ config, logger, connection, databaseFile });
  if (task.isUnchanged) {
    await run();
    catalog.forget();
  }
  const startedAtMs = Date.now();
  const usage = watchUsage();
  let error: string | undefined;
  try {
    await run();
    // The published module swallows its errors; what it did not finish it does not apply.
    const isApplied = catalog.locations() !== undefined;
    error = isApplied ? undefined : (lastError() ?? 'nothing reached the catalog');
  } catch (thrown) {
    error = String(thrown);
  }
  const used = usage.stop();
  rmSync(folder, { recursive: true });
  const locations = catalog.locations() ?? 0;
  return { type: 'report', startedAtMs, ...used, locations, error };
}

/** A catalog that only counts: what it kept would count as memory of the module. */
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

function toAppConfig({ baseUrl, user, validateLocationsExist }: Task) {
  const { host } = new URL(baseUrl);
  return {
    integrations: {
      bitbucketServer: [
        {
          host,
          apiBaseUrl: `${baseUrl}/rest/api/1.0`,
          username: user.name,
          password: user.password,
        },
      ],
    },
    catalog: { providers: { bitbucketServer: { host, validateLocationsExist } } },
  };
}

/** What this process uses: time, CPU time, memory, and how long it lets nothing else have a turn. */
function watchUsage() {
  const startedAt = performance.now();
  const startedCpu = process.cpuUsage();
  const idleBytes = process.memoryUsage.rss();
  let [peakBytes, stallMs, stallCpuMs] = [idleBytes, 0, 0];
  let last = { at: startedAt, cpu: startedCpu };
  const look = () => {
    const now = { at: performance.now(), cpu: process.cpuUsage() };
    const { user, system } = process.cpuUsage(last.cpu);
    stallMs = Math.max(stallMs, now.at - last.at);
    stallCpuMs = Math.max(stallCpuMs, Math.min((user + system) / 1000, now.at - last.at));
    peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
    last = now;
  };
  const timer = setInterval(look, SAMPLE_MS);
  return {
    stop: () => {
      clearInterval(timer);
      look();
      const { user, system } = process.cpuUsage(startedCpu);
      const seconds = (performance.now() - startedAt) / 1000;
      const cpuSeconds = (user + system) / 1e6;
      return { seconds, cpuSeconds, stallMs, stallCpuMs, idleBytes, peakBytes };
    },
  };
}

/** A logger that costs nothing and remembers the last error. */
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
