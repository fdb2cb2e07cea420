/**
 * What runs in a process that is measured: makes one module, runs it once, reports time
 * and memory to the benchmark. `ours.ts` and `peer.ts` say which module.
 */

import { LoggerService } from '@backstage/backend-plugin-api';
import { Config, ConfigReader } from '@backstage/config';
import {
  createRecordingConnection,
  RecordingConnection,
} from '../src/__testUtils__/recordingConnection';
import { Report, Task, TaskSchema } from './messages';

/** What a module is given. */
export interface SubjectSetup {
  readonly config: Config;
  readonly logger: LoggerService;
  readonly connection: RecordingConnection;
}

/** Connects a module; what is returned runs discovery once. */
export type ConnectSubject = (setup: SubjectSetup) => Promise<() => Promise<void>>;

const MEMORY_SAMPLE_MS = 50;

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
  const connection = createRecordingConnection();
  const { logger, lastError } = createErrorLogger();
  const config = new ConfigReader(toAppConfig(task));
  const run = await connect({ config, logger, connection });
  const memory = watchMemory();
  const startedAt = performance.now();
  let error: string | undefined;
  try {
    await run();
    // The published module swallows its errors; what it did not finish it does not apply.
    const applied = connection.mutations.some(mutation => mutation.type === 'full');
    error = applied ? undefined : (lastError() ?? 'nothing reached the catalog');
  } catch (thrown) {
    error = String(thrown);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    type: 'report',
    seconds,
    ...memory.stop(),
    locations: connection.targets().length,
    error,
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

/** Resident memory of this process, looked at again and again. */
function watchMemory() {
  const idleBytes = process.memoryUsage.rss();
  let peakBytes = idleBytes;
  const look = () => {
    peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
  };
  const timer = setInterval(look, MEMORY_SAMPLE_MS);
  return {
    stop: () => {
      clearInterval(timer);
      look();
      return { idleBytes, peakBytes };
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
