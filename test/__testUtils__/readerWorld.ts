/**
 * A catalog that reads through the URL reader of this package, every second, from a
 * simulated Bitbucket on a socket. For tests.
 */

import { setImmediate } from 'node:timers/promises';
import { urlReaderServiceFactory } from '@backstage/backend-defaults/urlReader';
import {
  coreServices,
  createBackendModule,
  createServiceFactory,
} from '@backstage/backend-plugin-api';
import { Entity, stringifyEntityRef } from '@backstage/catalog-model';
import { catalogProcessingExtensionPoint } from '@backstage/plugin-catalog-node';
import { JsonObject } from '@backstage/types';
import { z } from 'zod';
import { componentYaml } from '../../dev/seed';
import {
  createSimulatedBitbucket,
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
  /** A connection string of PostgreSQL; SQLite in memory when left out. */
  readonly database?: string;
}

/** What a test works with. */
export interface ReaderWorld extends TestBackend, CatalogObserver {
  readonly bitbucket: SimulatedBitbucket;
  readonly logger: LogRecorder;
  /** Refs and uids of all Components. */
  components(): Promise<Map<string, string | undefined>>;
  /** Requests for the content of files so far, by path. */
  reads(): Map<string, number>;
  /** Waits until the catalog has processed every Location so often, and cleans up after it. */
  processed(times: number): Promise<void>;
  /** The same without a pause in between, which keeps the machine busy; nothing is cleaned up. */
  processedInHaste(times: number): Promise<void>;
  /** What the catalog says went wrong with the Locations that are read. */
  errors(): Promise<string[]>;
  /** A webhook of a push to the default branch, delivered. */
  push(slug: string, files: Record<string, string>): Promise<void>;
  /** A webhook of changes that were made, delivered. */
  announce(slug: string, changes: readonly RefChange[]): Promise<void>;
  end(): Promise<void>;
}

const READ_LOCATIONS = 'kind=location,spec.target';

/** Starts both, and waits for the first Components. */
export async function startReaderWorld(
  options: ReaderWorldOptions,
): Promise<ReaderWorld> {
  const { count, more = 0, prepare } = options;
  const bitbucket = createBitbucket(count);
  prepare?.(bitbucket);
  const served = await serve(bitbucket);
  const observer = createCatalogObserver();
  const counter = createProcessingCounter();
  const logger = createLogRecorder();
  const backend = await startBackend({
    webhooks: true,
    config: configFor(bitbucket, options),
    features: [
      urlReader,
      urlReaderServiceFactory,
      observer.feature,
      counter.feature,
      logTo(logger),
    ],
  });
  await backend.waitForEntities('kind=component', count + more);
  const delivery = { secret: WEBHOOK_SECRET };
  const announce = async (slug: string, changes: readonly RefChange[]) => {
    const details = { projectKey: 'PAY', slug, changes };
    await backend.deliver(bitbucket.webhook('repo:refs_changed', details, delivery));
  };
  return {
    ...backend,
    ...observer,
    bitbucket,
    logger,
    components: async () => getUids(await backend.entities('kind=component')),
    reads: () => getReads(bitbucket),
    async processed(times) {
      await counter.waitFor(observer, times);
      await observer.runTask('catalog_orphan_cleanup');
    },
    processedInHaste: times => inHaste(observer, () => counter.waitFor(observer, times)),
    errors: async () => (await backend.entities(READ_LOCATIONS)).flatMap(getErrors),
    async push(slug, files) {
      const changes = Object.entries(files).map(([path, content]) =>
        bitbucket.writeFile('PAY', slug, path, content),
      );
      await announce(slug, changes);
    },
    announce,
    async end() {
      await backend.stop();
      await served.close();
    },
  };
}

function createBitbucket(count: number): SimulatedBitbucket {
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
  for (let index = 0; index < count; index += 1) {
    const slug = `svc-${index}`;
    const files = { 'catalog-info.yaml': componentYaml(slug, 'a service') };
    bitbucket.addRepository({ projectKey: 'PAY', slug, files });
  }
  return bitbucket;
}

function configFor(
  bitbucket: SimulatedBitbucket,
  { config, database, reading }: ReaderWorldOptions,
): JsonObject {
  const { integrations, catalog } = appConfigFor({ bitbucket, config });
  const postgres = { client: 'pg', pluginDivisionMode: 'schema' };
  return {
    ...(integrations && { integrations }),
    catalog: { ...Object(catalog), processingInterval: { seconds: 1 } },
    backend: {
      ...(reading && { reading: { bitbucketServer: reading } }),
      ...(database && { database: { ...postgres, connection: database } }),
    },
  };
}

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

/** What the catalog says went wrong with an entity. */
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

const EntityRow = z.object({ entity_ref: z.string() });

/** Has everything processed again at once, the longest waiting first. */
const HURRY = `
  CREATE TRIGGER hurry AFTER UPDATE OF next_update_at ON refresh_state
  WHEN NEW.next_update_at > '2015' BEGIN
    UPDATE refresh_state
    SET next_update_at = strftime('%Y-%m-%d %H:%M:%f', 'now', '-20 years')
    WHERE entity_id = NEW.entity_id;
  END`;

async function inHaste(
  { database }: CatalogObserver,
  wait: () => Promise<void>,
): Promise<void> {
  await database().raw(HURRY);
  try {
    await database()('refresh_state').update({ next_update_at: '2016-01-01' });
    await wait();
  } finally {
    await database().raw('DROP TRIGGER hurry');
  }
}

/** Counts how often the catalog has begun to process each entity. */
function createProcessingCounter() {
  const begun = new Map<string, number>();
  const feature = createBackendModule({
    pluginId: 'catalog',
    moduleId: 'processing-counter',
    register: env =>
      env.registerInit({
        deps: { catalog: catalogProcessingExtensionPoint },
        init: async ({ catalog }) => {
          catalog.addProcessor({
            getProcessorName: () => 'processing-counter',
            async preProcessEntity(entity) {
              const ref = stringifyEntityRef(entity);
              begun.set(ref, (begun.get(ref) ?? 0) + 1);
              // In haste, the catalog never pauses by itself: others get their turn here.
              await setImmediate();
              return entity;
            },
          });
        },
      }),
  });
  /** An entity that was begun once more than so often was done with so often. */
  const waitFor = async ({ database }: CatalogObserver, times: number) => {
    const before = new Map(begun);
    const getNewReads = (ref: string) => (begun.get(ref) ?? 0) - (before.get(ref) ?? 0);
    await eventually(async () => {
      const rows: unknown[] = await database()('refresh_state')
        .whereLike('entity_ref', 'location:%')
        .select('entity_ref');
      const counts = rows.map(row => getNewReads(EntityRow.parse(row).entity_ref));
      expect(Math.min(...counts)).toBeGreaterThan(times);
    });
  };
  return { feature, waitFor };
}
