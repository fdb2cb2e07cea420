/**
 * A real backend whose catalog serves the report. Tests grant permissions to its callers and
 * can inspect its audit events. Must not be used outside tests.
 */

import {
  coreServices,
  createBackendModule,
  LoggerService,
} from '@backstage/backend-plugin-api';
import { mockCredentials, mockServices } from '@backstage/backend-test-utils';
import { AuthorizeResult } from '@backstage/plugin-permission-common';
import type { Knex } from 'knex';
import { CatalogReporter } from '../catalog/CatalogReporter';
import { readDiscoveryConfig } from '../config/readProviderConfigs';
import { createProviders } from '../provider/createProviders';
import { createReportRouter, ReportedProvider } from '../router/createReportRouter';
import { plainLocationRef, providerName } from '../provider/locationEntities';
import { ConflictReporter } from '../conflicts/ConflictReporter';
import { ConflictStore } from '../conflicts/ConflictStore';
import { CatalogOutcomes } from '../store/CatalogOutcomes';
import { DiscoveryDatabase } from '../store/DiscoveryDatabase';
import { DiscoveryReport } from '../store/DiscoveryReport';
import { ProviderStateStore } from '../store/ProviderStateStore';
import { WebhookStore } from '../store/WebhookStore';
import { systemClock } from '../util/clock';
import { Exchange } from './openApiContract';
import { createRecordingConnection, RecordingConnection } from './recordingConnection';
import { startBackend } from './startBackend';

/** The configured providers. */
const PROVIDERS = [
  { id: 'default', host: 'bitbucket.test' },
  { id: 'other', host: 'git.test:8443' },
] as const;

const TABLES = [
  'repositories',
  'foreign_files',
  'progress',
  'held',
  'providers',
  'conflicts',
  'webhooks',
] as const;

/** An audit event, and how it ended. */
export interface AuditRecord {
  readonly eventId: string;
  readonly severityLevel?: string;
  readonly provider: unknown;
  ending?: 'success' | 'fail';
  /** The metadata of its end. */
  meta?: unknown;
  error?: string;
}

/** The surroundings of the router in a test. */
export interface ReportWorld {
  /** Names of the permissions that every caller has. */
  granted: Set<string>;
  /** The error that approving throws. */
  approvalError?: Error;
  audited: AuditRecord[];
}

/** A started backend. */
export interface ReportBackend {
  readonly world: ReportWorld;
  readonly reports: DiscoveryReport;
  readonly store: ProviderStateStore;
  readonly webhooks: WebhookStore;
  /** The Locations that the providers have emitted. */
  readonly connections: ReadonlyMap<string, RecordingConnection>;
  readonly conflicts: ConflictStore;
  readonly knex: Knex;
  /** Sends a request as a user, or with the given headers; the path is relative to `/bitbucket-server`. */
  ask(
    method: string,
    path: string,
    headers?: Record<string, string>,
  ): Promise<Exchange & { readonly body: unknown }>;
  /** Resets everything, including the granted permissions. */
  reset(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a backend that authenticates as in production. */
export async function startReportBackend(): Promise<ReportBackend> {
  const world: ReportWorld = { granted: new Set(), audited: [] };
  const { module, started } = createReportModule(world);
  const backend = await startBackend({
    config: {},
    features: [
      module,
      mockServices.httpAuth.factory({ defaultCredentials: mockCredentials.none() }),
      createPermissions(world),
      createAuditor(world),
    ],
  });
  const stores = await started;
  return {
    ...stores,
    world,
    async ask(method, path, headers = { authorization: mockCredentials.user.header() }) {
      const url = `${backend.baseUrl}/api/catalog/bitbucket-server${path}`;
      const response = await fetch(url, { method, headers });
      const text = await response.text();
      // Backstage does not answer at all where there is no route.
      const body: unknown = text === '' ? undefined : JSON.parse(text);
      return { method, path, status: response.status, body };
    },
    async reset() {
      world.granted = new Set(['catalog.location.read', 'catalog.location.delete']);
      world.audited = [];
      world.approvalError = undefined;
      for (const table of TABLES) {
        await stores.knex(`bitbucket_server_discovery_${table}`).delete();
      }
    },
    stop: () => backend.stop(),
  };
}

function createReportModule(world: ReportWorld) {
  type Stores = Pick<
    ReportBackend,
    'reports' | 'store' | 'webhooks' | 'connections' | 'conflicts' | 'knex'
  >;
  let resolve: (stores: Stores) => void;
  const started = new Promise<Stores>(done => {
    resolve = done;
  });
  const module = createBackendModule({
    pluginId: 'catalog',
    moduleId: 'bitbucket-server-report',
    register(env) {
      env.registerInit({
        deps: {
          auditor: coreServices.auditor,
          database: coreServices.database,
          httpAuth: coreServices.httpAuth,
          httpRouter: coreServices.httpRouter,
          logger: coreServices.logger,
          permissions: coreServices.permissions,
        },
        async init({ database, httpRouter, ...services }) {
          const tables = new DiscoveryDatabase(database);
          const reports = new DiscoveryReport(tables);
          const webhooks = new WebhookStore(tables);
          const store = new ProviderStateStore(tables, {
            clock: systemClock,
            readBaseline: async () => undefined,
          });
          const connections = new Map<string, RecordingConnection>();
          const providers = await connectProviders(store, connections, world);
          const routed = createReporters(tables, reports, services.logger);
          httpRouter.use(
            createReportRouter({
              ...services,
              reports,
              webhooks,
              inCatalog: routed.inCatalog,
              conflicts: routed.conflicts,
              providers,
              configurationProblem: () => undefined,
            }),
          );
          const knex = await tables.connect();
          const { conflictStore: conflicts } = routed;
          resolve({ reports, store, webhooks, connections, conflicts, knex });
        },
      });
    },
  });
  return { module, started };
}

/** The sources of the report other than the stored runs. */
function createReporters(
  tables: DiscoveryDatabase,
  reports: DiscoveryReport,
  logger: LoggerService,
) {
  const options = {
    reports,
    providers: new Map(PROVIDERS.map(({ id }) => [providerName(id), id])),
    locationRef: plainLocationRef,
    clock: systemClock,
    logger,
  };
  const store = new ConflictStore(tables, options);
  const outcomes = new CatalogOutcomes(tables);
  return {
    conflictStore: store,
    conflicts: new ConflictReporter({ ...options, store }),
    inCatalog: new CatalogReporter({ ...options, outcomes }),
  };
}

/** Providers as the module creates them, each with its own catalog that accepts every mutation. */
async function connectProviders(
  store: ProviderStateStore,
  connections: Map<string, RecordingConnection>,
  world: ReportWorld,
): Promise<ReportedProvider[]> {
  const hosts = PROVIDERS.map(({ host }) => ({ host, token: 'a-token' }));
  const byId = PROVIDERS.map(({ id, host }) => [id, { host }]);
  const config = mockServices.rootConfig({
    data: {
      integrations: { bitbucketServer: hosts },
      catalog: { providers: { bitbucketServer: Object.fromEntries(byId) } },
    },
  });
  const created = createProviders(readDiscoveryConfig(config), {
    logger: mockServices.logger.mock(),
    store,
  });
  const providers: ReportedProvider[] = [];
  for (const { provider } of created) {
    const connection = createRecordingConnection();
    await provider.connect(connection);
    connections.set(provider.id, connection);
    providers.push({
      id: provider.id,
      host: provider.host,
      async approveRemovals() {
        if (world.approvalError) {
          throw world.approvalError;
        }
        return provider.approveRemovals();
      },
    });
  }
  return providers;
}

function createPermissions(world: ReportWorld) {
  return mockServices.permissions.mock({
    authorize: async requests =>
      requests.map(({ permission }) => ({
        result: world.granted.has(permission.name)
          ? AuthorizeResult.ALLOW
          : AuthorizeResult.DENY,
      })),
  }).factory;
}

function createAuditor(world: ReportWorld) {
  return mockServices.auditor.mock({
    createEvent: async ({ eventId, severityLevel, meta }) => {
      const record: AuditRecord = { eventId, severityLevel, provider: meta?.provider };
      world.audited.push(record);
      return {
        success: async options => {
          Object.assign(record, { ending: 'success', meta: options?.meta });
        },
        fail: async ({ error }) => {
          Object.assign(record, { ending: 'fail', error: error.name });
        },
      };
    },
  }).factory;
}
