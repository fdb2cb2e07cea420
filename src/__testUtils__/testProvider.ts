/**
 * A provider as the backend creates it, with a simulated Bitbucket, a recording connection
 * and a fake clock. For tests.
 */

import { LoggerService } from '@backstage/backend-plugin-api';
import { ConfigReader } from '@backstage/config';
import { JsonObject } from '@backstage/types';
import type { SimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { createFileParser } from '../api/createFileParser';
import { BitbucketServerLocationParser } from '../api/locationParser';
import { readDiscoveryConfig } from '../config/readProviderConfigs';
import { CreatedProvider, createProviders } from '../provider/createProviders';
import { DiscoveryReport } from '../store/DiscoveryReport';
import { ProviderStateStore } from '../store/ProviderStateStore';
import { FakeClock } from './FakeClock';
import { createRecordingConnection, RecordingConnection } from './recordingConnection';
import { createFetch } from './simulatedClient';
import { createTestStore, openReports } from './testStores';

/** The credentials that `userOf` gives the simulated Bitbucket. */
export const TEST_USER = { name: 'backstage', password: 'Tr0ub4dor-secret' };

/** For tests that are not about rechecks: each run checks everything. */
export const EACH_RUN_CHECKS = { recheck: { found: { seconds: 0 } } };

/** Options of {@link connectTestProvider}. */
export interface TestProviderOptions {
  readonly bitbucket: SimulatedBitbucket;
  /** The configuration of the provider; `host` is filled in. */
  readonly config?: JsonObject;
  /** The configuration of the integration; `host`, `apiBaseUrl` and the test user are filled in. */
  readonly integration?: JsonObject;
  /** An in-memory store with an empty catalog when left out. */
  readonly store?: ProviderStateStore;
  readonly clock?: FakeClock;
  readonly connection?: RecordingConnection;
  readonly shutdownSignal?: AbortSignal;
  readonly parser?: BitbucketServerLocationParser;
  /** URLs of files that the catalog could not read. */
  readonly unreadable?: () => Promise<Set<string>>;
  /** When the catalog last read files, in epoch milliseconds by URL. */
  readonly reads?: ReadonlyMap<string, number>;
}

/** The provider and the objects that a test inspects. */
export interface TestProvider extends CreatedProvider {
  readonly connection: RecordingConnection;
  readonly clock: FakeClock;
  readonly logger: LogRecorder;
  readonly store: ProviderStateStore;
  readonly reports: DiscoveryReport;
  /** Runs discovery once, advancing simulated time as far as the run needs. */
  run(signal?: AbortSignal): Promise<void>;
}

/** The configuration of the whole app for one provider. */
export function appConfigFor(options: TestProviderOptions): JsonObject {
  const { host } = new URL(options.bitbucket.baseUrl);
  const withPassword = { username: TEST_USER.name, password: TEST_USER.password };
  return {
    integrations: {
      bitbucketServer: [
        {
          host,
          apiBaseUrl: options.bitbucket.apiBaseUrl,
          ...(options.integration ?? withPassword),
        },
      ],
    },
    catalog: { providers: { bitbucketServer: { host, ...options.config } } },
  };
}

/** Creates a provider and connects it to an in-memory catalog. */
export async function connectTestProvider(
  options: TestProviderOptions,
): Promise<TestProvider> {
  const { parser, reads, unreadable } = options;
  const clock = options.clock ?? new FakeClock();
  const connection = options.connection ?? createRecordingConnection();
  const logger = createLogRecorder();
  const store = options.store ?? createTestStore([], { clock });
  const reports = await openReports(store);
  const [created] = createProviders(
    readDiscoveryConfig(new ConfigReader(appConfigFor(options))),
    {
      logger,
      store,
      clock,
      fetch: createFetch(options.bitbucket),
      shutdownSignal: options.shutdownSignal,
      outcomes: {
        unreadableTargets: unreadable ?? (async () => new Set()),
        lastReads: async () => new Map(reads),
      },
      createFileParser: parser && (setup => createFileParser(parser, setup)),
    },
  );
  if (!created) {
    throw new Error('the configuration describes no provider');
  }
  const { provider } = created;
  await provider.connect(connection);
  const run = (signal?: AbortSignal) => clock.run(provider.refresh(signal));
  return { ...created, connection, clock, logger, store, reports, run };
}

/**
 * Creates several providers of one server, all with the credentials of the integration unless
 * they have their own; they are not connected yet.
 *
 * @param providers - `catalog.providers.bitbucketServer`
 */
export async function createTestProviders(
  bitbucket: SimulatedBitbucket,
  clock: FakeClock,
  providers: JsonObject,
) {
  const logger = createLogRecorder();
  const store = createTestStore();
  // Creates the tables before a run on the simulated clock needs them.
  await openReports(store);
  const data = {
    ...appConfigFor({ bitbucket }),
    catalog: { providers: { bitbucketServer: providers } },
  };
  const created = createProviders(readDiscoveryConfig(new ConfigReader(data)), {
    logger,
    store,
    clock,
    fetch: createFetch(bitbucket),
  });
  return { created, logger };
}

/** One line of a log. */
export interface LogLine {
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  readonly message: string;
  readonly fields: JsonObject;
}

/** A logger that records its lines. */
export interface LogRecorder extends LoggerService {
  readonly lines: readonly LogLine[];
  messages(level: LogLine['level']): string[];
  /** All output, to check that it contains no forbidden texts. */
  text(): string;
}

/** Creates a logger whose children write to the same lines. */
export function createLogRecorder(): LogRecorder {
  const lines: LogLine[] = [];
  const at =
    (level: LogLine['level']) =>
    (message: string, fields: Error | JsonObject = {}) => {
      const kept = fields instanceof Error ? { error: String(fields) } : fields;
      lines.push({ level, message, fields: kept });
    };
  const recorder: LogRecorder = {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    child: () => recorder,
    lines,
    messages: level =>
      lines.filter(line => line.level === level).map(line => line.message),
    text: () => JSON.stringify(lines),
  };
  return recorder;
}
