/**
 * A real backend whose catalog serves the report, with callers who may do what a test
 * grants them and audit events that it can look at. Must not be used outside tests.
 */

import { coreServices, createBackendModule } from '@backstage/backend-plugin-api';
import { mockCredentials, mockServices } from '@backstage/backend-test-utils';
import { AuthorizeResult } from '@backstage/plugin-permission-common';
import type { Knex } from 'knex';
import { createReportRouter } from '../router/createReportRouter';
import { plainLocationRef, providerName } from '../provider/locationEntities';
import { ConflictReport } from '../conflicts/ConflictReport';
import { DatabaseConflictStore } from '../conflicts/DatabaseConflictStore';
import { DatabaseMemoryStore } from '../store/DatabaseMemoryStore';
import { DatabaseReportStore } from '../store/DatabaseReportStore';
import { DiscoveryDatabase } from '../store/DiscoveryDatabase';
import { systemClock } from '../util/clock';
import { Exchange } from './openApiContract';
import { startBackend } from './startBackend';

/** The providers that are configured. */
const PROVIDERS = [
  { id: 'default', host: 'bitbucket.test' },
  { id: 'other', host: 'git.test:8443' },
] as const;

const TABLES = ['status', 'reports', 'held', 'providers', 'conflicts'] as const;

/** What was audited, and how it ended. */
export interface AuditRecord {
  readonly eventId: string;
  readonly severityLevel?: string;
  readonly provider: unknown;
  ending?: 'success' | 'fail';
  /** What was said at the end. */
  meta?: unknown;
  error?: string;
}

/** What happens around the router in a test. */
export interface ReportWorld {
  /** Names of the permissions that every caller has. */
  granted: Set<string>;
  /** What approving throws. */
  approvalError?: Error;
  audited: AuditRecord[];
}

/** A started backend. */
export interface ReportBackend {
  readonly world: ReportWorld;
  readonly reports: DatabaseReportStore;
  readonly memory: DatabaseMemoryStore;
  readonly conflicts: DatabaseConflictStore;
  readonly knex: Knex;
  /** Asks as a user, or with the given headers; the path is that below `/bitbucket-server`. */
  ask(
    method: string,
    path: string,
    headers?: Record<string, string>,
  ): Promise<Exchange & { readonly body: unknown }>;
  /** Forgets everything, what is granted included. */
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
      permissionsOf(world),
      auditorOf(world),
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
      // Backstage answers nothing at all where there is no route.
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
  type Stores = Pick<ReportBackend, 'reports' | 'memory' | 'conflicts' | 'knex'>;
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
          const reports = new DatabaseReportStore(tables);
          const memory = new DatabaseMemoryStore(tables, async () => undefined);
          const providers = PROVIDERS.map(provider => ({
            ...provider,
            approveRemovals: () => approve(provider.id, memory, world),
          }));
          const conflicts = new DatabaseConflictStore(tables, {
            locationRef: plainLocationRef,
            clock: systemClock,
          });
          const report = new ConflictReport({
            store: conflicts,
            reports,
            providers: new Map(PROVIDERS.map(({ id }) => [providerName(id), id])),
          });
          httpRouter.use(
            createReportRouter({ ...services, reports, conflicts: report, providers }),
          );
          resolve({ reports, memory, conflicts, knex: await tables.connect() });
        },
      });
    },
  });
  return { module, started };
}

/** As a provider does, without a catalog. */
async function approve(
  providerId: string,
  memory: DatabaseMemoryStore,
  world: ReportWorld,
): Promise<number> {
  if (world.approvalError) {
    throw world.approvalError;
  }
  const held = (await memory.load(providerId))?.held ?? [];
  const waiting = held.filter(one => !one.approved);
  await memory.approve(
    providerId,
    waiting.map(one => one.targetUrl),
  );
  return waiting.length;
}

function permissionsOf(world: ReportWorld) {
  return mockServices.permissions.mock({
    authorize: async requests =>
      requests.map(({ permission }) => ({
        result: world.granted.has(permission.name)
          ? AuthorizeResult.ALLOW
          : AuthorizeResult.DENY,
      })),
  }).factory;
}

function auditorOf(world: ReportWorld) {
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
