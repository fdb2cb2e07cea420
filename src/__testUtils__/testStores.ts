/**
 * The production store on an in-memory SQLite database, which lives as long as the store.
 * For tests.
 */

import knexFactory, { Knex } from 'knex';
import { DatabaseService } from '@backstage/backend-plugin-api';
import { KnownRepository, ProviderState } from '../discovery/types';
import { DiscoveryDatabase } from '../store/DiscoveryDatabase';
import { DiscoveryReport } from '../store/DiscoveryReport';
import { ProviderStateStore } from '../store/ProviderStateStore';
import { BaselineReader } from '../store/records';
import { WebhookStore } from '../store/WebhookStore';
import { watchActivity } from './databaseActivity';
import { FakeClock } from './FakeClock';

/** The stores of a test. */
export interface TestStores {
  readonly store: ProviderStateStore;
  readonly reports: DiscoveryReport;
  readonly webhooks: WebhookStore;
  readonly tables: DiscoveryDatabase;
  /** The same store in another process: pending work of the first one is lost. */
  reopen(): TestStores;
}

/** Options of {@link createTestStores}. */
export interface TestStoresOptions {
  /** The content of the catalog; empty when left out. */
  readonly readBaseline?: BaselineReader;
  readonly clock?: FakeClock;
  readonly onWarning?: (message: string) => void;
  /** Opens a watched database; an in-memory one when left out. */
  readonly open?: () => Promise<Knex>;
}

const NOTHING: ProviderState = { repositories: [], held: [] };

const STORES = new WeakMap<ProviderStateStore, TestStores>();

let template: Promise<Buffer> | undefined;

/** Creates an empty database with all tables. */
async function openDatabase(): Promise<Knex> {
  template ??= makeTemplate();
  return open(await template);
}

/** The databases of a test file; the soak test, which Jest does not run, closes its own. */
const opened: Knex[] = [];

// One that is open keeps the process alive, and with it all that the test file has loaded.
if (typeof afterAll === 'function') {
  afterAll(async () => {
    await Promise.all(opened.splice(0).map(knex => knex.destroy()));
  });
}

function open(filename: string | Buffer): Knex {
  const connection: Knex.Sqlite3ConnectionConfig = { filename: ':memory:' };
  // The driver also accepts a database that it has serialized itself.
  Object.assign(connection, { filename });
  const knex = watchActivity(
    knexFactory({ client: 'better-sqlite3', connection, useNullAsDefault: true }),
  );
  if (typeof afterAll === 'function') {
    opened.push(knex);
  }
  return knex;
}

/** The tables are created once per test file, and copied. */
async function makeTemplate(): Promise<Buffer> {
  const knex = open(':memory:');
  await new DiscoveryDatabase({ getClient: async () => knex }).connect();
  const raw: { serialize(): Buffer } = await knex.client.acquireConnection();
  const written = raw.serialize();
  await knex.client.releaseConnection(raw);
  await knex.destroy();
  return written;
}

/** Creates stores on their own database. */
export function createTestStores(options: TestStoresOptions = {}): TestStores {
  const { clock = new FakeClock(), readBaseline = async () => NOTHING } = options;
  const { open: openKnex = openDatabase } = options;
  let opened: Promise<Knex> | undefined;
  const database: DatabaseService = {
    getClient: () => {
      opened ??= openKnex();
      return opened;
    },
    migrations: { skip: true },
  };
  const openStore = (): TestStores => {
    const tables = new DiscoveryDatabase(database, options.onWarning);
    const reports = new DiscoveryReport(tables);
    const store = new ProviderStateStore(tables, { clock, readBaseline });
    const webhooks = new WebhookStore(tables);
    const stores = { tables, reports, store, webhooks, reopen: openStore };
    STORES.set(store, stores);
    return stores;
  };
  return openStore();
}

/**
 * The report on a store, once its tables exist: their migrations are read from files, for
 * which no fake clock waits.
 */
export async function openReports(store: ProviderStateStore): Promise<DiscoveryReport> {
  const stores = STORES.get(store);
  if (!stores) {
    throw new Error('the store is not one of createTestStores');
  }
  await stores.tables.connect();
  return stores.reports;
}

/** The stored webhook deliveries, in the database of a store. */
export function openWebhooks(store: ProviderStateStore): WebhookStore | undefined {
  return STORES.get(store)?.webhooks;
}

/** The same store in another process. */
export function reopen(store: ProviderStateStore): ProviderStateStore {
  return STORES.get(store)?.reopen().store ?? store;
}

/**
 * Creates a store of a provider whose catalog has the given repositories (none by default)
 * until a state is stored; after that, the stored state counts.
 */
export function createTestStore(
  inCatalog: readonly KnownRepository[] = [],
  options: Omit<TestStoresOptions, 'readBaseline'> = {},
): ProviderStateStore {
  const baseline = { repositories: inCatalog, held: [] };
  const readBaseline: BaselineReader = async (_, known) =>
    known.length === 0 ? baseline : undefined;
  return createTestStores({ ...options, readBaseline }).store;
}
