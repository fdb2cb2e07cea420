/**
 * The report over HTTP: what each provider found, for every repository, and the release
 * of removals that are held back. `docs/report.openapi.yaml` describes it.
 *
 * Answers from the store only, so any replica can. Errors are left to the router it is
 * mounted on, which answers them as the rest of Backstage does.
 */

import {
  AuditorService,
  HttpAuthService,
  HttpRouterService,
  PermissionsService,
} from '@backstage/backend-plugin-api';
import { NotAllowedError, NotFoundError } from '@backstage/errors';
import {
  catalogLocationDeletePermission,
  catalogLocationReadPermission,
} from '@backstage/plugin-catalog-common/alpha';
import { AuthorizeResult, BasicPermission } from '@backstage/plugin-permission-common';
import type { Request, Response } from 'express';
import PromiseRouter from 'express-promise-router';
import { CatalogReporter } from '../catalog/CatalogReporter';
import { addressKey } from '../discovery/identify';
import { compareHeldRemovals, reportHeldRepository } from '../discovery/report';
import { providerName } from '../provider/locationEntities';
import { DiscoveryReport, RepositoryPage } from '../store/DiscoveryReport';
import { StoredDiscovery } from '../store/records';
import { WebhookStore } from '../store/WebhookStore';
import { audited } from './manualRefresh';
import {
  disputedReports,
  KnownConflicts,
  readConflicts,
  ReadConflictsOptions,
} from '../conflicts/ConflictReporter';
import {
  toConfigurationJson,
  toDiscoveryJson,
  toHeldRemovalJson,
  toRepositoryJson,
  toWebhooksJson,
} from './reportJson';
import {
  selectPage,
  readAddress,
  readNoParameters,
  readRepositoryQuery,
  ReportQuery,
} from './reportParameters';

/** A provider that is configured. */
export interface ReportedProvider {
  readonly id: string;
  readonly host: string;
  /** Carries out the removals that are held back now; returns how many. */
  approveRemovals(): Promise<number>;
}

/** What the report is made of. */
export interface ReportOptions extends ReadConflictsOptions {
  readonly reports: DiscoveryReport;
  readonly inCatalog: Pick<CatalogReporter, 'of' | 'failing' | 'failingReports'>;
  readonly webhooks: Pick<WebhookStore, 'load'>;
  readonly providers: readonly ReportedProvider[];
  /** Why the configuration as it stands now is not in effect, if it is not. */
  readonly configurationProblem: () => string | undefined;
}

interface ReportRouterOptions extends ReportOptions {
  readonly httpAuth: HttpAuthService;
  readonly permissions: PermissionsService;
  readonly auditor: AuditorService;
}

/** What is in the paths. */
interface OfProvider {
  readonly id: string;
}
interface OfRepository extends OfProvider {
  readonly key: string;
  readonly slug: string;
}

/** What a route answers; nothing is asked or read before the caller's permission is known. */
type Read<P> = (request: Request<P>) => Promise<object>;

const DISCOVERIES = '/bitbucket-server/discoveries';

/** Makes the router; it is to be registered on the catalog's and brings its own prefix. */
export function createReportRouter(
  options: ReportRouterOptions,
): Parameters<HttpRouterService['use']>[0] {
  const router = PromiseRouter();
  const addRoute = <P>(path: string, read: Read<P>) =>
    router.get(
      `${DISCOVERIES}${path}`,
      answering<P>(async request => {
        await permit(request, catalogLocationReadPermission, options);
        return read(request);
      }),
    );
  addRoute('', listDiscoveries(options));
  addRoute('/:id', showDiscovery(options));
  addRoute('/:id/repositories', listRepositories(options));
  addRoute('/:id/repositories/:key/:slug', showRepository(options));
  router.post(
    `${DISCOVERIES}/:id/removals/approve`,
    answering<OfProvider>(request => approveRemovals(request, options)),
  );
  return router;
}

function listDiscoveries(options: ReportRouterOptions): Read<object> {
  return async ({ query }) => {
    readNoParameters(query);
    const all = await options.reports.loadDiscoveries();
    const stored = new Map(all.map(one => [one.providerId, one]));
    const items = options.providers.map(one =>
      describe(one, stored.get(one.id), options),
    );
    return { items: await Promise.all(items) };
  };
}

function showDiscovery(options: ReportRouterOptions): Read<OfProvider> {
  return async ({ params, query }) => {
    readNoParameters(query);
    return reportDiscovery(params.id, options);
  };
}

/** All about one provider. */
export async function reportDiscovery(id: string, options: ReportOptions) {
  const { reports, providers, webhooks } = options;
  const provider = findProvider(providers, id);
  const stored = await reports.loadDiscovery(provider.id);
  const held = await reports.loadHeldRemovals(provider.id);
  return {
    ...(await describe(provider, stored, options)),
    heldRemovals: [...held].sort(compareHeldRemovals).map(toHeldRemovalJson),
    webhooks: toWebhooksJson(await webhooks.load(provider.id)),
    configuration: toConfigurationJson(stored, options.configurationProblem()),
  };
}

function listRepositories(options: ReportRouterOptions): Read<OfProvider> {
  return async ({ params, query }) =>
    reportRepositories(params.id, readRepositoryQuery(query), options);
}

/** A page of the repositories of a provider. */
export async function reportRepositories(
  providerId: string,
  query: ReportQuery,
  options: ReportOptions,
) {
  const { id } = findProvider(options.providers, providerId);
  const conflicts = await readConflicts(id, options);
  const { items, totalItems } = await selectRepositories(id, query, conflicts, options);
  const catalog = await options.inCatalog.of(items, conflicts);
  return {
    items: items.map(one =>
      toRepositoryJson(one, {
        catalog: catalog?.get(one.repositoryId),
        conflicts: conflicts.of(one),
      }),
    ),
    totalItems,
    limit: query.limit,
    offset: query.offset,
  };
}

/** Those that are known by what has become of them are few: the page is cut from them here. */
async function selectRepositories(
  id: string,
  query: ReportQuery,
  conflicts: KnownConflicts,
  { inCatalog, reports }: ReportOptions,
): Promise<RepositoryPage> {
  const disputed = query.conflicts && disputedReports(conflicts);
  const failing = query.errors && (await inCatalog.failingReports(id, conflicts));
  const [some, others] = [disputed ?? failing, disputed && failing];
  if (!some) {
    return reports.pageRepositories(id, query);
  }
  const ids = new Set((others ?? some).map(one => one.repositoryId));
  return selectPage(
    some.filter(one => ids.has(one.repositoryId)),
    query,
  );
}

function showRepository(options: ReportRouterOptions): Read<OfRepository> {
  return async ({ params, query }) => {
    readNoParameters(query);
    return reportRepository(params, options);
  };
}

/** All about one repository, as one provider sees it. */
export async function reportRepository(params: OfRepository, options: ReportOptions) {
  const { reports, providers } = options;
  const { projectKey, slug } = readAddress(params);
  const { id } = findProvider(providers, params.id);
  const key = addressKey({ projectKey, slug });
  const held = (await reports.loadHeldRemovals(id))
    .filter(one => one.address && addressKey(one.address) === key)
    .sort(compareHeldRemovals);
  const report =
    (await reports.findRepository(id, projectKey, slug)) ??
    reportHeldRepository(held.filter(one => !one.approved));
  if (!report) {
    throw new NotFoundError(
      `Discovery "${id}" knows no repository ${projectKey}/${slug}: it is misspelt, it does ` +
        'not exist, the account in use may not see it, or no run has come to it yet',
    );
  }
  const conflicts = await readConflicts(id, options);
  return toRepositoryJson(report, {
    catalog: (await options.inCatalog.of([report], conflicts))?.get(report.repositoryId),
    conflicts: conflicts.of(report),
    held,
  });
}

async function approveRemovals(
  request: Request<OfProvider>,
  options: ReportRouterOptions,
): Promise<object> {
  const { id } = request.params;
  // Before anything is looked at, so that a refusal leaves a trace as well.
  const event = await options.auditor.createEvent({
    eventId: 'bitbucket-server-removals-approve',
    severityLevel: 'high',
    request,
    meta: { provider: providerName(id) },
  });
  return audited(event, async () => {
    await permit(request, catalogLocationDeletePermission, options);
    readNoParameters(request.query);
    return { approved: await findProvider(options.providers, id).approveRemovals() };
  });
}

async function describe(
  provider: ReportedProvider,
  stored: StoredDiscovery | undefined,
  options: ReportOptions,
) {
  const conflicts = await readConflicts(provider.id, options);
  const failing = stored && (await options.inCatalog.failing(provider.id, conflicts));
  return toDiscoveryJson(provider, stored, {
    withErrors: failing?.length,
    conflicts: conflicts.count,
  });
}

/**
 * Lets a handler be a promise: the types of Express know nothing of promises, but this
 * router passes on what they are rejected with.
 */
function answering<P>(
  read: Read<P>,
): (request: Request<P>, response: Response) => unknown {
  return async (request, response) => void response.json(await read(request));
}

/** @throws NotAllowedError unless the caller has the permission */
async function permit(
  request: Parameters<HttpAuthService['credentials']>[0],
  permission: BasicPermission,
  { httpAuth, permissions }: ReportRouterOptions,
): Promise<void> {
  requireAllowed(
    permission,
    await permissions.authorize([{ permission }], {
      credentials: await httpAuth.credentials(request),
    }),
  );
}

/** @throws NotAllowedError unless the only decision is to allow it */
export function requireAllowed(
  { name }: { readonly name: string },
  [decision]: readonly { readonly result: AuthorizeResult }[],
): void {
  if (decision?.result !== AuthorizeResult.ALLOW) {
    throw new NotAllowedError(`This needs the permission ${name}`);
  }
}

/** @throws NotFoundError where none of this id is configured */
export function findProvider<T extends { readonly id: string }>(
  providers: readonly T[],
  id: string,
): T {
  const found = providers.find(one => one.id === id);
  if (!found) {
    const ids = providers.map(one => `"${one.id}"`).join(', ');
    throw new NotFoundError(
      `There is no discovery "${id}"; configured: ${ids || 'none at all'}`,
    );
  }
  return found;
}
