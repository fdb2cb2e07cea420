/**
 * A Bitbucket, and a catalog's database that outlives the backends on it: the published
 * module and this one by turns. For tests.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BackendFeature } from '@backstage/backend-plugin-api';
import { JsonObject } from '@backstage/types';
import knexFactory, { Knex } from 'knex';
import { z } from 'zod';
import { componentYaml } from '../../dev/seed';
import {
  createSimulatedBitbucket,
  serve,
  SimulatedBitbucket,
  SimulatedBitbucketOptions,
} from '../../dev/simulatedBitbucket';
import { eventually } from '../../src/__testUtils__/eventually';
import { startBackend, TestBackend } from '../../src/__testUtils__/startBackend';
import { TEST_USER } from '../../src/__testUtils__/testProvider';

/** The published module does not start without one. */
export const SCHEDULE = { frequency: { hours: 1 }, timeout: { minutes: 1 } };

/** What the catalog files describe, one of which describes two. */
export const COMPONENTS = ['api', 'batch', 'batch-worker', 'my-service', 'web'];

/** The repositories with a catalog file, and one without. */
export const REPOSITORIES: Readonly<Record<string, readonly string[]>> = {
  PAY: ['api', 'batch'],
  SHOP: ['web', 'with.dots_and-more', 'no-file'],
};

/** The repositories with a catalog file. */
export const LOCATIONS = 4;

/** The Location that represents the discovery of the only provider. */
export const ANCHOR = 'location:default/bitbucket-server-default';

/** One entity of the catalog, as its own tables have it. */
export interface CatalogRow {
  readonly uid: string;
  readonly locationKey: string | null;
  readonly isOrphan: boolean;
}

/** The content of the catalog, by entity ref. */
export type CatalogState = ReadonlyMap<string, CatalogRow>;

/** What happens to one database. */
export interface DropInWorld {
  readonly bitbucket: SimulatedBitbucket;
  /** Of its backends, and for the command line. */
  readonly config: JsonObject;
  /** Changes the providers of the backends that start from now on. */
  configure(providers: DropInOptions['providers']): void;
  /** Starts a backend with a module. */
  start(module: BackendFeature, ...others: BackendFeature[]): Promise<TestBackend>;
  /** Starts a backend, waits until it is done, stops it, and returns the content of the catalog. */
  runWith(
    module: BackendFeature,
    isDone: (backend: TestBackend) => Promise<unknown>,
  ): Promise<CatalogState>;
  /** Queries the catalog's database directly. */
  ask<T>(question: (knex: Knex) => Promise<T>): Promise<T>;
  read(): Promise<CatalogState>;
  end(): Promise<void>;
}

/** For {@link createDropInWorld}. */
export interface DropInOptions {
  /** One provider, or several by their ids; `host` is filled in. */
  readonly providers: JsonObject | Readonly<Record<string, JsonObject>>;
  /** Where the catalog files are, from the root of each repository. */
  readonly file?: string;
  readonly server?: SimulatedBitbucketOptions;
  /** The host of a second integration, for the same server. */
  readonly alsoAt?: string;
}

/** Serves a Bitbucket with {@link REPOSITORIES} and makes an empty database. */
export async function createDropInWorld(options: DropInOptions): Promise<DropInWorld> {
  const bitbucket = fill(
    createSimulatedBitbucket({ users: [TEST_USER], ...options.server }),
    options.file ?? 'catalog-info.yaml',
  );
  const served = await serve(bitbucket);
  const directory = await mkdtemp(path.join(tmpdir(), 'bitbucket-discovery-'));
  const configFor = (providers: DropInOptions['providers']) => ({
    backend: { database: { client: 'better-sqlite3', connection: { directory } } },
    ...catalogConfig(bitbucket, { ...options, providers }),
  });
  let config = configFor(options.providers);
  const ask: DropInWorld['ask'] = async question => {
    const knex = openCatalog(directory);
    try {
      return await question(knex);
    } finally {
      await knex.destroy();
    }
  };
  const start: DropInWorld['start'] = (...modules) => startOn(config, modules, ask);
  return {
    bitbucket,
    get config() {
      return config;
    },
    configure(providers) {
      config = configFor(providers);
    },
    start,
    ask,
    read: () => ask(readCatalog),
    async runWith(module, isDone) {
      const backend = await start(module);
      try {
        await isDone(backend);
      } finally {
        await backend.stop();
      }
      return ask(readCatalog);
    },
    async end() {
      await served.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function startOn(
  config: JsonObject,
  modules: readonly BackendFeature[],
  ask: DropInWorld['ask'],
): Promise<TestBackend> {
  const backend = await startBackend({ config, features: modules });
  return {
    ...backend,
    async stop() {
      // An entity whose stitching is cut short is not stitched again for a minute.
      await eventually(async () => {
        const queue: unknown[] = await ask(knex => knex('stitch_queue'));
        if (queue.length > 0) {
          throw new Error(`${queue.length} entities are still to be stitched`);
        }
      });
      await backend.stop();
    },
  };
}

function openCatalog(directory: string): Knex {
  return knexFactory({
    client: 'better-sqlite3',
    connection: { filename: path.join(directory, 'catalog.sqlite') },
    useNullAsDefault: true,
  });
}

function fill(bitbucket: SimulatedBitbucket, file: string): SimulatedBitbucket {
  const add = (projectKey: string, slug: string, ...names: string[]) => {
    const yaml = names.map(name => componentYaml(name, 'a service')).join('---\n');
    bitbucket.addRepository({ projectKey, slug, files: { [file]: yaml } });
  };
  add('PAY', 'api', 'api');
  add('PAY', 'batch', 'batch', 'batch-worker');
  add('SHOP', 'web', 'web');
  add('SHOP', 'with.dots_and-more', 'my-service');
  bitbucket.addRepository({ projectKey: 'SHOP', slug: 'no-file' });
  return bitbucket;
}

function catalogConfig(
  bitbucket: SimulatedBitbucket,
  { providers, alsoAt }: DropInOptions,
): JsonObject {
  const { host } = new URL(bitbucket.baseUrl);
  const { apiBaseUrl } = bitbucket;
  const credentials = { username: TEST_USER.name, password: TEST_USER.password };
  const hosts = [host, ...(alsoAt ? [alsoAt] : [])];
  const isOne = 'schedule' in providers;
  const bitbucketServer = isOne
    ? { ...providers, host }
    : Object.fromEntries(
        Object.entries(providers).map(([id, provider]) => [
          id,
          { ...toObject(provider), host },
        ]),
      );
  return {
    integrations: {
      bitbucketServer: hosts.map(name => ({ host: name, apiBaseUrl, ...credentials })),
    },
    catalog: { providers: { bitbucketServer } },
  };
}

function toObject(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}

const Rows = z.array(
  z.object({
    entity_id: z.string(),
    entity_ref: z.string(),
    location_key: z.string().nullable(),
    final_entity: z.string().nullable(),
  }),
);

/** Reads the catalog's own tables: what its API would show, and what it would not. */
async function readCatalog(knex: Knex): Promise<CatalogState> {
  const rows = Rows.parse(
    await knex('refresh_state')
      .leftJoin('final_entities', 'final_entities.entity_id', 'refresh_state.entity_id')
      .select(
        'refresh_state.entity_id',
        'refresh_state.entity_ref',
        'refresh_state.location_key',
        'final_entities.final_entity',
      ),
  );
  return new Map(
    rows.map(row => [
      row.entity_ref,
      {
        uid: row.entity_id,
        locationKey: row.location_key,
        isOrphan: (row.final_entity ?? '').includes('backstage.io/orphan'),
      },
    ]),
  );
}

/** Waits until a run of the published module is over, and its files are read. */
export async function afterPublished(backend: TestBackend): Promise<void> {
  await backend.waitForEntities('kind=component', COMPONENTS.length);
  // It knows no anchor: its run is over once that is gone.
  await backend.waitForEntities('metadata.name=bitbucket-server-default', 0);
}

const Summary = z.object({
  summary: z.object({
    locations: z.number(),
    heldBack: z.number(),
    removed: z.number(),
    carriedForward: z.number(),
  }),
});

/** Waits for a finished run, and returns the report of the last one. */
export function selectRun(
  backend: TestBackend,
  id = 'default',
): Promise<z.infer<typeof Summary>['summary']> {
  return eventually(async () => {
    const url = `${backend.baseUrl}/api/catalog/bitbucket-server/discoveries/${id}`;
    const response = await fetch(url);
    return Summary.parse(await response.json()).summary;
  });
}

/** The entities of a kind, by ref. */
export function ofKind(kind: string, state: CatalogState): CatalogState {
  return new Map([...state].filter(([ref]) => ref.startsWith(`${kind}:`)));
}

/** The rest. */
export function without(state: CatalogState, ...refs: readonly string[]): CatalogState {
  return new Map([...state].filter(([ref]) => !refs.includes(ref)));
}
