/**
 * The report over HTTP: the result of each provider for every repository, and the approval of
 * removals that are held back. `docs/report.openapi.yaml` describes it.
 *
 * Answers come from the store only, so any replica can serve them. Errors are left to the router
 * on which it is mounted, which answers them like the rest of Backstage.
 */

import {
  AuditorService,
  BackstageCredentials,
  HttpAuthService,
  HttpRouterService,
  PermissionsService,
} from '@backstage/backend-plugin-api';
import {
  NotAllowedError,
  NotFoundError,
  ServiceUnavailableError,
} from '@backstage/errors';
import {
  catalogLocationDeletePermission,
  catalogLocationReadPermission,
} from '@backstage/plugin-catalog-common/alpha';
import {
  AuthorizePermissionRequest,
  AuthorizeResult,
  BasicPermission,
} from '@backstage/plugin-permission-common';
import type { Request, Response } from 'express';
import PromiseRouter from 'express-promise-router';
import { z } from 'zod';
import { CatalogReporter } from '../catalog/CatalogReporter';
import { addressKey } from '../discovery/identify';
import {
  compareHeldRemovals,
  reportHeldRepository,
  RepositoryReport,
} from '../discovery/report';
import { providerName } from '../provider/locationEntities';
import { DiscoveryReport, RepositoryPage } from '../store/DiscoveryReport';
import { StoredDiscovery } from '../store/records';
import { WebhookStore } from '../store/WebhookStore';
import { formatAddress } from '../util/text';
import { audited } from './manualRefresh';
import {
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
  NO_PARAMETERS,
  readAddress,
  readQuery,
  REPOSITORY_PARAMETERS,
  ReportQuery,
  selectPage,
} from './reportParameters';

/** A configured provider. */
export interface ReportedProvider {
  readonly id: string;
  readonly host: string;
  /** Carries out the removals that are currently held back; returns their number. */
  approveRemovals(): Promise<number>;
}

/** The sources of the report. */
export interface ReportOptions extends ReadConflictsOptions {
  readonly reports: DiscoveryReport;
  readonly inCatalog: Pick<CatalogReporter, 'of' | 'failing'>;
  readonly webhooks: Pick<WebhookStore, 'load'>;
  readonly providers: readonly ReportedProvider[];
  /** Why the current configuration is not in effect; `undefined` if it is. */
  readonly configurationProblem: () => string | undefined;
}

interface ReportRouterOptions extends ReportOptions {
  readonly httpAuth: HttpAuthService;
  readonly permissions: PermissionsService;
  readonly auditor: AuditorService;
}

/** Parameters of the paths. */
interface OfProvider {
  readonly id: string;
}
interface OfRepository extends OfProvider {
  readonly key: string;
  readonly slug: string;
}

const DISCOVERIES = '/bitbucket-server/discoveries';

/** Creates the router. Register it on the catalog's router; it has its own path prefix. */
export function createReportRouter(
  options: ReportRouterOptions,
): Parameters<HttpRouterService['use']>[0] {
  const router = PromiseRouter();
  const addRoute = <P, S extends z.ZodObject<Readonly<Record<string, z.ZodType>>>>(
    path: string,
    parameters: S,
    report: (params: P, query: z.infer<S>) => Promise<object>,
  ) =>
    router.get(
      `${DISCOVERIES}${path}`,
      toHandler<P>(async request => {
        await permit(request, catalogLocationReadPermission, options);
        return report(request.params, readQuery(parameters, request.query));
      }),
    );
  addRoute('', NO_PARAMETERS, () => reportDiscoveries(options));
  addRoute('/:id', NO_PARAMETERS, ({ id }: OfProvider) => reportDiscovery(id, options));
  addRoute(
    '/:id/repositories',
    REPOSITORY_PARAMETERS,
    ({ id }: OfProvider, query: ReportQuery) => reportRepositories(id, query, options),
  );
  addRoute('/:id/repositories/:key/:slug', NO_PARAMETERS, (params: OfRepository) =>
    reportRepository(params, options),
  );
  router.post(
    `${DISCOVERIES}/:id/removals/approve`,
    toHandler<OfProvider>(request => approveRemovals(request, options)),
  );
  return router;
}

async function reportDiscoveries(options: ReportOptions) {
  const all = await options.reports.loadDiscoveries();
  const stored = new Map(all.map(discovery => [discovery.providerId, discovery]));
  const items = options.providers.map(provider =>
    describe(provider, stored.get(provider.id), options),
  );
  return { items: await Promise.all(items) };
}

/** Returns the complete report of one provider. */
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

/** Returns a page of the repositories of a provider. */
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
    items: items.map(repository =>
      toRepositoryJson(repository, {
        catalog: catalog?.get(repository.repositoryId),
        conflicts: conflicts.of(repository),
      }),
    ),
    totalItems,
    limit: query.limit,
    offset: query.offset,
  };
}

/**
 * Selects a page of repositories.
 *
 * @remarks Repositories with conflicts or errors are few, so their page is cut out in memory.
 */
async function selectRepositories(
  id: string,
  query: ReportQuery,
  conflicts: KnownConflicts,
  { inCatalog, reports }: ReportOptions,
): Promise<RepositoryPage> {
  const disputed = query.conflicts && toReports(conflicts.disputed, 'conflicts');
  const failing =
    query.errors &&
    toReports(await inCatalog.failing(id, conflicts), 'errors in the catalog');
  const selected = disputed ?? failing;
  if (!selected) {
    return reports.pageRepositories(id, query);
  }
  const alsoIn = (disputed && failing) ?? selected;
  const ids = new Set(alsoIn.map(repository => repository.repositoryId));
  return selectPage(
    selected.filter(repository => ids.has(repository.repositoryId)),
    query,
  );
}

/** @throws ServiceUnavailableError if they are not known */
function toReports(
  repositories: readonly { readonly report: RepositoryReport }[] | undefined,
  what: string,
): RepositoryReport[] {
  if (!repositories) {
    throw new ServiceUnavailableError(
      `The repositories with ${what} cannot be read at the moment; the log of the backend says why`,
    );
  }
  return repositories.map(repository => repository.report);
}

/** Returns the complete report of one repository for one provider. */
export async function reportRepository(params: OfRepository, options: ReportOptions) {
  const { reports, providers } = options;
  const { projectKey, slug } = readAddress(params);
  const { id } = findProvider(providers, params.id);
  const key = addressKey({ projectKey, slug });
  const held = (await reports.loadHeldRemovals(id))
    .filter(({ address }) => address && addressKey(address) === key)
    .sort(compareHeldRemovals);
  const report =
    (await reports.findRepository(id, projectKey, slug)) ??
    reportHeldRepository(held.filter(removal => !removal.approved));
  if (!report) {
    throw new NotFoundError(
      `Discovery "${id}" knows no repository ${formatAddress({ projectKey, slug })}: it is ` +
        'misspelt, it does not exist, the account in use may not see it, or no run has ' +
        'reached it yet',
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
  // Created before any check, so that a refused request is audited as well.
  const event = await options.auditor.createEvent({
    eventId: 'bitbucket-server-removals-approve',
    severityLevel: 'high',
    request,
    meta: { provider: providerName(id) },
  });
  return audited(event, async () => {
    await permit(request, catalogLocationDeletePermission, options);
    readQuery(NO_PARAMETERS, request.query);
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
 * Converts an async function to a handler: the types of Express do not include promises, but
 * this router passes on the errors with which they reject.
 */
function toHandler<P>(
  read: (request: Request<P>) => Promise<object>,
): (request: Request<P>, response: Response) => unknown {
  return async (request, response) => void response.json(await read(request));
}

/** @throws NotAllowedError unless the caller has the permission */
async function permit(
  request: Parameters<HttpAuthService['credentials']>[0],
  permission: BasicPermission,
  { httpAuth, permissions }: ReportRouterOptions,
): Promise<void> {
  const credentials = await httpAuth.credentials(request);
  await requireAllowance({ permission }, { credentials, permissions });
}

/** @throws NotAllowedError unless the caller is allowed to do this */
export async function requireAllowance(
  request: AuthorizePermissionRequest,
  {
    credentials,
    permissions,
  }: {
    readonly credentials: BackstageCredentials;
    readonly permissions: PermissionsService;
  },
): Promise<void> {
  const [decision] = await permissions.authorize([request], { credentials });
  if (decision?.result !== AuthorizeResult.ALLOW) {
    throw new NotAllowedError(`This needs the permission ${request.permission.name}`);
  }
}

/** @throws NotFoundError if no provider with this id is configured */
export function findProvider<T extends { readonly id: string }>(
  providers: readonly T[],
  id: string,
): T {
  const found = providers.find(provider => provider.id === id);
  if (!found) {
    const ids = providers.map(provider => `"${provider.id}"`).join(', ');
    throw new NotFoundError(
      `There is no discovery "${id}"; configured: ${ids || 'none'}`,
    );
  }
  return found;
}
