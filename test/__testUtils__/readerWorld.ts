/**
 * A catalog that reads through the URL reader of this package from a simulated Bitbucket on a
 * socket. It processes an entity again when a test or a refresh requests it, but never on its
 * own, since its interval is an hour. For tests.
 */

import { urlReaderServiceFactory } from '@backstage/backend-defaults/urlReader';
import { coreServices, createServiceFactory } from '@backstage/backend-plugin-api';
import { Entity, stringifyEntityRef } from '@backstage/catalog-model';
import { JsonObject } from '@backstage/types';
import { z } from 'zod';
import { componentYaml } from '../../dev/seed';
import {
  createSimulatedBitbucket,
  RateLimitOptions,
  RefChange,
  serve,
  SimulatedBitbucket,
} from '../../dev/simulatedBitbucket';
import { WEBHOOK_SECRET } from '../../src/__testUtils__/backendApi';
import { eventually } from '../../src/__testUtils__/eventually';
import { startBackend, TestBackend } from '../../src/__testUtils__/startBackend';
import {
  appConfigFor,
  createLogRecorder,
  LogRecorder,
  TEST_USER,
} from '../../src/__testUtils__/testProvider';
import urlReader from '../../src/urlReaderEntry';
import { CatalogObserver, createCatalogObserver } from './catalogObserver';
import { observeProcessing } from './catalogProcessing';

const FILE = 'catalog-info.yaml';

/** Milliseconds that a test may wait for one file, at the pace of a documented rate limit. */
const MAX_WAIT_PER_FILE_MS = 2_000;

const Status = z.object({
  status: z.object({ items: z.array(z.object({ message: z.string() })) }).optional(),
});

/** For {@link startReaderWorld}. */
export interface ReaderWorldOptions {
  /** Repositories `PAY/svc-0` and so on, each with a catalog file. */
  readonly count: number;
  /** `backend.reading.bitbucketServer`. */
  readonly reading?: JsonObject;
  /** Components that come of what `prepare` adds; none when left out. */
  readonly more?: number;
  /** Adds to the simulated Bitbucket before discovery runs. */
  readonly prepare?: (bitbucket: SimulatedBitbucket) => void;
  /** Of the provider. */
  readonly config?: JsonObject;
  /** A connection string of PostgreSQL, or a directory for SQLite; in memory when left out. */
  readonly database?: string | { readonly directory: string };
  /** The catalog's processing interval, in seconds. */
  readonly intervalSeconds?: number;
  /** `catalog.scmEvents`. */
  readonly scmEvents?: boolean;
  /** Of Bitbucket. */
  readonly rateLimit?: RateLimitOptions;
  /** Another replica, or the backend before a restart: this one has its Bitbucket, and ends first. */
  readonly beside?: ReaderWorld;
}

/** What a test works with. */
export interface ReaderWorld extends TestBackend, CatalogObserver {
  readonly bitbucket: SimulatedBitbucket;
  readonly logger: LogRecorder;
  /** Refs and uids of all Components. */
  components(): Promise<Map<string, string | undefined>>;
  /** Requests for the content of files so far, by path. */
  reads(): Map<string, number>;
  /**
   * Has the catalog process every entity so often, waits until what that changes shows, and
   * deletes orphans.
   */
  processed(times: number): Promise<void>;
  /** How often the catalog has begun to process an entity. */
  processings(entityRef: string): number;
  /** The ref of the Location of a repository's file. */
  locationOf(slug: string): Promise<string>;
  /** The catalog's error messages about the Locations that it reads. */
  errors(): Promise<string[]>;
  /** A webhook of a push to the default branch, delivered. */
  push(slug: string, files: Record<string, string>): Promise<void>;
  /** A webhook of changes that were made, delivered. */
  announce(slug: string, changes: readonly RefChange[]): Promise<void>;
  /** Stops the backend, unless it has stopped, and Bitbucket, unless it is another's. */
  end(): Promise<void>;
}

const READ_LOCATIONS = 'kind=location,spec.target';

/** Starts both, and waits for the first Components. */
export async function startReaderWorld(
  options: ReaderWorldOptions,
): Promise<ReaderWorld> {
  const { beside, count, more = 0 } = options;
  const { bitbucket, close } = beside
    ? { bitbucket: beside.bitbucket, close: async () => {} }
    : await serveBitbucket(options);
  const observer = createCatalogObserver();
  const maxWaitMs = Math.max(60_000, count * MAX_WAIT_PER_FILE_MS);
  const processing = observeProcessing(maxWaitMs);
  const logger = createLogRecorder();
  const backend = await startBackend({
    webhooks: true,
    config: configFor(bitbucket, options),
    features: [urlReader, urlReaderServiceFactory, observer.feature, logTo(logger)],
  });
  await eventually(async () => {
    const components = await backend.entities('kind=component');
    expect(components).toHaveLength(count + more);
  }, maxWaitMs);
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= backend.stop();
    return stopped;
  };
  return {
    ...backend,
    ...observer,
    ...createPushes(bitbucket, backend),
    stop,
    bitbucket,
    logger,
    components: async () => getUids(await backend.entities('kind=component')),
    reads: () => getReads(bitbucket),
    async processed(times) {
      await processing.process(observer.database(), times);
      await observer.runTask('catalog_orphan_cleanup');
    },
    processings: processing.countOf,
    async locationOf(slug) {
      const target = `${bitbucket.baseUrl}/projects/PAY/repos/${slug}/browse/${FILE}`;
      const [location] = await backend.entities(`kind=location,spec.target=${target}`);
      return `location:default/${location?.metadata.name}`;
    },
    errors: async () => (await backend.entities(READ_LOCATIONS)).flatMap(getErrors),
    async end() {
      processing.end();
      await stop();
      await close();
    },
  };
}

function createPushes(
  bitbucket: SimulatedBitbucket,
  backend: TestBackend,
): Pick<ReaderWorld, 'announce' | 'push'> {
  const delivery = { secret: WEBHOOK_SECRET };
  const announce: ReaderWorld['announce'] = async (slug, changes) => {
    const details = { projectKey: 'PAY', slug, changes };
    await backend.deliver(bitbucket.webhook('repo:refs_changed', details, delivery));
  };
  return {
    announce,
    async push(slug, files) {
      const changes = Object.entries(files).map(([path, content]) =>
        bitbucket.writeFile('PAY', slug, path, content),
      );
      await announce(slug, changes);
    },
  };
}

async function serveBitbucket({ count, prepare, rateLimit }: ReaderWorldOptions) {
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER], rateLimit });
  for (let index = 0; index < count; index += 1) {
    const slug = `svc-${index}`;
    const files = { [FILE]: componentYaml(slug, 'a service') };
    bitbucket.addRepository({ projectKey: 'PAY', slug, files });
  }
  prepare?.(bitbucket);
  const { close } = await serve(bitbucket);
  return { bitbucket, close };
}

function configFor(
  bitbucket: SimulatedBitbucket,
  {
    config,
    database,
    intervalSeconds = 3_600,
    reading,
    scmEvents = false,
  }: ReaderWorldOptions,
): JsonObject {
  const { integrations, catalog } = appConfigFor({ bitbucket, config });
  return {
    ...(integrations && { integrations }),
    catalog: {
      ...Object(catalog),
      processingInterval: { seconds: intervalSeconds },
      scmEvents,
    },
    backend: {
      ...(reading && { reading: { bitbucketServer: reading } }),
      ...(database && { database: toDatabaseConfig(database) }),
    },
  };
}

const toDatabaseConfig = (connection: string | { readonly directory: string }) =>
  typeof connection === 'string'
    ? { client: 'pg', pluginDivisionMode: 'schema', connection }
    : { client: 'better-sqlite3', connection: { ...connection } };

const logTo = (logger: LogRecorder) =>
  createServiceFactory({
    service: coreServices.rootLogger,
    deps: {},
    factory: () => logger,
  });

/** Refs and uids, in a fixed order. */
function getUids(entities: readonly Entity[]): Map<string, string | undefined> {
  const pairs = entities.map((entity): [string, string | undefined] => [
    stringifyEntityRef(entity),
    entity.metadata.uid,
  ]);
  return new Map(pairs.sort());
}

/** Returns the catalog's error messages about an entity. */
function getErrors(entity: Entity): string[] {
  return (Status.parse(entity).status?.items ?? []).map(item => item.message);
}

function getReads({ requests }: SimulatedBitbucket): Map<string, number> {
  const reads = new Map<string, number>();
  for (const { path } of requests.filter(request => request.path.includes('/raw/'))) {
    reads.set(path, (reads.get(path) ?? 0) + 1);
  }
  return reads;
}
