/**
 * Actions in Backstage's actions registry: the report and a run on demand, for assistants and
 * workflows, with the permissions and answers of the HTTP report. The registry is alpha, so only
 * this file uses it.
 */

import { PermissionsService } from '@backstage/backend-plugin-api';
import {
  ActionsRegistryService,
  actionsRegistryServiceRef,
} from '@backstage/backend-plugin-api/alpha';
import {
  catalogEntityRefreshPermission,
  catalogLocationReadPermission,
} from '@backstage/plugin-catalog-common/alpha';
import {
  findProvider,
  reportDiscovery,
  ReportOptions,
  reportRepositories,
  reportRepository,
  requireAllowance,
} from './createReportRouter';
import { ManualStart } from './manualRefresh';

/** The registry of the backend, which exists in every release that this module supports. */
export const actionsRegistryRef = actionsRegistryServiceRef;
export type ActionsRegistry = ActionsRegistryService;

/** Maximum number of repositories of each kind in the list of problems. */
const MAX_LISTED = 50;

/** Options for {@link registerActions}. */
interface ActionsOptions extends ReportOptions {
  readonly starts: readonly ManualStart[];
  readonly permissions: PermissionsService;
}

const READING = { permission: catalogLocationReadPermission };
const READS = { readOnly: true, destructive: false, idempotent: true } as const;

/** Registers all actions. */
export function registerActions(
  registry: ActionsRegistry,
  options: ActionsOptions,
): void {
  registerExplain(registry, options);
  registerAttention(registry, options);
  registerRun(registry, options);
}

function registerExplain(registry: ActionsRegistry, options: ActionsOptions): void {
  registry.register({
    name: 'explain-bitbucket-server-repository',
    title: 'Explain a Bitbucket Server repository',
    description:
      'Explains why a repository in Bitbucket Server or Data Center is or is not in the catalog: outcome, reason, cause, remedy, its catalog files, their state in the catalog, and conflicts. Reads the results of the last run and of events.',
    attributes: READS,
    schema: {
      input: z =>
        z.object({
          provider: z.string().default('default').describe('The id of the provider'),
          projectKey: z.string().describe('The project key, such as PAY'),
          repositorySlug: z.string().describe('The repository slug'),
        }),
      output: z => z.object({}).passthrough(),
    },
    async action({ credentials, input }) {
      await requireAllowance(READING, { ...options, credentials });
      const { projectKey: key, provider: id, repositorySlug: slug } = input;
      return { output: await reportRepository({ id, key, slug }, options) };
    },
  });
}

function registerAttention(registry: ActionsRegistry, options: ActionsOptions): void {
  registry.register({
    name: 'list-bitbucket-server-discovery-problems',
    title: 'List problems of Bitbucket Server discovery',
    description: `Lists, for one provider, the result of the last run, the removals that are held back, and the repositories that are unknown or have errors in the catalog or conflicts, each with cause and remedy; at most ${MAX_LISTED} of each, with their total number.`,
    attributes: READS,
    schema: {
      input: z =>
        z.object({
          provider: z.string().default('default').describe('The id of the provider'),
        }),
      output: z => z.object({}).passthrough(),
    },
    async action({ credentials, input: { provider: id } }) {
      await requireAllowance(READING, { ...options, credentials });
      const page = { limit: MAX_LISTED, offset: 0 };
      return {
        output: {
          discovery: await reportDiscovery(id, options),
          unknown: await reportRepositories(id, { ...page, outcome: 'unknown' }, options),
          errors: await reportRepositories(id, { ...page, errors: true }, options),
          conflicts: await reportRepositories(id, { ...page, conflicts: true }, options),
        },
      };
    },
  });
}

function registerRun(registry: ActionsRegistry, options: ActionsOptions): void {
  registry.register({
    name: 'run-bitbucket-server-discovery',
    title: 'Run Bitbucket Server discovery now',
    description:
      'Starts a discovery run of one provider, after a run in progress if there is one, like a refresh of its Location in the catalog. Needs the permission to refresh that Location.',
    attributes: { readOnly: false, destructive: false, idempotent: true },
    schema: {
      input: z =>
        z.object({
          provider: z.string().default('default').describe('The id of the provider'),
        }),
      output: z => z.object({ requested: z.boolean() }),
    },
    async action({ credentials, input: { provider } }) {
      const { anchorRef, start } = findProvider(options.starts, provider);
      const permission = catalogEntityRefreshPermission;
      // A run in progress may take long: the caller does not have to wait for its end.
      await new Promise<void>((resolve, reject) => {
        start({ trigger: 'action' }, async () => {
          await requireAllowance(
            { permission, resourceRef: anchorRef },
            { ...options, credentials },
          );
          resolve();
        }).catch(error => {
          options.logger.warn(`An action could not start a run of ${provider}: ${error}`);
          reject(error);
        });
      });
      return { output: { requested: true } };
    },
  });
}
