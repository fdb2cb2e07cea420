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
import { addressKey } from '../discovery/identify';
import { compareHeldRemovals, reportHeldRepository } from '../discovery/report';
import { providerName } from '../provider/locationEntities';
import { DiscoveryReport } from '../store/DiscoveryReport';
import { StoredDiscovery } from '../store/runRecords';
import { audited } from './manualRefresh';
import { readConflicts, ReadConflictsOptions } from '../conflicts/ConflictReporter';
import { toDiscoveryJson, toHeldRemovalJson, toRepositoryJson } from './reportJson';
import { readAddress, readNoParameters, readRepositoryQuery } from './reportParameters';

type Router = ReturnType<typeof PromiseRouter>;

/** A provider that is configured. */
export interface ReportedProvider {
  readonly id: string;
  readonly host: string;
  /** Carries out the removals that are held back now; returns how many. */
  approveRemovals(): Promise<number>;
}

/** What the report is made of. */
interface ReportRouterOptions extends ReadConflictsOptions {
  readonly reports: DiscoveryReport;
  readonly providers: readonly ReportedProvider[];
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

const DISCOVERIES = '/bitbucket-server/discoveries';

/** Makes the router; it is to be registered on the catalog's and brings its own prefix. */
export function createReportRouter(
  options: ReportRouterOptions,
): Parameters<HttpRouterService['use']>[0] {
  const router = PromiseRouter();
  addDiscoveries(router, options);
  addRepositories(router, options);
  addApproval(router, options);
  return router;
}

function addDiscoveries(router: Router, options: ReportRouterOptions): void {
  const { reports, providers } = options;
  const describe = async (one: ReportedProvider, stored: StoredDiscovery | undefined) =>
    toDiscoveryJson(one, stored, (await readConflicts(one.id, options)).count);

  router.get(
    DISCOVERIES,
    answering(async (request, response) => {
      await permit(request, catalogLocationReadPermission, options);
      readNoParameters(request.query);
      const stored = new Map(
        (await reports.loadDiscoveries()).map(one => [one.providerId, one]),
      );
      const items = providers.map(one => describe(one, stored.get(one.id)));
      response.json({ items: await Promise.all(items) });
    }),
  );

  router.get(
    `${DISCOVERIES}/:id`,
    answering<OfProvider>(async (request, response) => {
      await permit(request, catalogLocationReadPermission, options);
      readNoParameters(request.query);
      const provider = findProvider(providers, request.params.id);
      const stored = await reports.loadDiscovery(provider.id);
      const held = await reports.loadHeldRemovals(provider.id);
      response.json({
        ...(await describe(provider, stored)),
        heldRemovals: [...held].sort(compareHeldRemovals).map(toHeldRemovalJson),
      });
    }),
  );
}

function addRepositories(router: Router, options: ReportRouterOptions): void {
  const { reports, providers } = options;

  router.get(
    `${DISCOVERIES}/:id/repositories`,
    answering<OfProvider>(async (request, response) => {
      await permit(request, catalogLocationReadPermission, options);
      const query = readRepositoryQuery(request.query);
      const { id } = findProvider(providers, request.params.id);
      const conflicts = await readConflicts(id, options);
      const { items, totalItems } = query.conflicts
        ? conflicts.page(query)
        : await reports.pageRepositories(id, query);
      const { limit, offset } = query;
      response.json({
        items: items.map(one => toRepositoryJson(one, conflicts.of(one))),
        totalItems,
        limit,
        offset,
      });
    }),
  );

  router.get(
    `${DISCOVERIES}/:id/repositories/:key/:slug`,
    answering<OfRepository>(async (request, response) => {
      await permit(request, catalogLocationReadPermission, options);
      readNoParameters(request.query);
      const { projectKey, slug } = readAddress(request.params);
      const { id } = findProvider(providers, request.params.id);
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
      response.json(toRepositoryJson(report, conflicts.of(report), held));
    }),
  );
}

function addApproval(router: Router, options: ReportRouterOptions): void {
  const { providers, auditor } = options;

  router.post(
    `${DISCOVERIES}/:id/removals/approve`,
    answering<OfProvider>(async (request, response) => {
      // Before anything is looked at, so that a refusal leaves a trace as well.
      const event = await auditor.createEvent({
        eventId: 'bitbucket-server-removals-approve',
        severityLevel: 'high',
        request,
        meta: { provider: providerName(request.params.id) },
      });
      const approve = async () => {
        await permit(request, catalogLocationDeletePermission, options);
        readNoParameters(request.query);
        const provider = findProvider(providers, request.params.id);
        return { approved: await provider.approveRemovals() };
      };
      response.json(await audited(event, approve));
    }),
  );
}

/**
 * Lets a handler be a promise: the types of Express know nothing of promises, but this
 * router passes on what they are rejected with.
 */
function answering<P>(
  handler: (request: Request<P>, response: Response) => Promise<void>,
): (request: Request<P>, response: Response) => unknown {
  return handler;
}

/** @throws NotAllowedError unless the caller has the permission */
async function permit(
  request: Parameters<HttpAuthService['credentials']>[0],
  permission: BasicPermission,
  { httpAuth, permissions }: ReportRouterOptions,
): Promise<void> {
  const credentials = await httpAuth.credentials(request);
  const [decision] = await permissions.authorize([{ permission }], { credentials });
  if (decision?.result !== AuthorizeResult.ALLOW) {
    throw new NotAllowedError(`This needs the permission ${permission.name}`);
  }
}

function findProvider(
  providers: readonly ReportedProvider[],
  id: string,
): ReportedProvider {
  const found = providers.find(one => one.id === id);
  if (!found) {
    const ids = providers.map(one => `"${one.id}"`).join(', ');
    throw new NotFoundError(
      `There is no discovery "${id}"; configured: ${ids || 'none at all'}`,
    );
  }
  return found;
}
