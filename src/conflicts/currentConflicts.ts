/** The conflicts there are at the time of asking, as the HTTP report needs them. */

import { LoggerService } from '@backstage/backend-plugin-api';
import { ServiceUnavailableError } from '@backstage/errors';
import { Conflict, distinctConflicts } from './describeConflicts';
import { RepositoryReport } from '../discovery/report';
import { ConflictReport, DisputedRepository } from './ConflictReport';
import { RepositoryPage, RepositoryQuery } from '../store/DiscoveryReport';

/** What conflicts are read with. */
export interface CurrentConflictsOptions {
  readonly conflicts: Pick<ConflictReport, 'of'>;
  readonly logger: Pick<LoggerService, 'warn'>;
}

/** The conflicts of one provider, of one reading. */
export interface ProviderConflicts {
  /** How many there are, each once; `undefined` where nobody knows. */
  readonly count: number | undefined;
  /** Those of a repository; `undefined` where nobody knows. */
  of(report: RepositoryReport): readonly Conflict[] | undefined;
  /**
   * The repositories with conflicts that match.
   *
   * @throws ServiceUnavailableError where nobody knows which these are
   */
  page(query: RepositoryQuery): RepositoryPage;
}

/** Reads them; where that fails, the rest of the report stands without. */
export async function readConflicts(
  providerId: string,
  { conflicts, logger }: CurrentConflictsOptions,
): Promise<ProviderConflicts> {
  let disputed: readonly DisputedRepository[];
  try {
    disputed = await conflicts.of(providerId);
  } catch (error) {
    logger.warn(`The conflicts of provider ${providerId} could not be read: ${error}`);
    return UNKNOWN;
  }
  const byId = new Map(disputed.map(one => [one.report.repositoryId, one.conflicts]));
  return {
    count: distinctConflicts(disputed.flatMap(one => one.conflicts)).length,
    of: ({ repositoryId }) => byId.get(repositoryId) ?? [],
    page: query => pageOf(disputed, query),
  };
}

const UNKNOWN: ProviderConflicts = {
  count: undefined,
  of: () => undefined,
  page() {
    throw new ServiceUnavailableError(
      'Which repositories have conflicts cannot be read at the moment; the log of the backend says why',
    );
  },
};

function pageOf(
  disputed: readonly DisputedRepository[],
  { limit, offset, outcome, project }: RepositoryQuery,
): RepositoryPage {
  const matching = disputed
    .map(one => one.report)
    .filter(
      one =>
        (outcome === undefined || one.outcome === outcome) &&
        (project === undefined || one.projectKey.toLowerCase() === project.toLowerCase()),
    );
  return { items: matching.slice(offset, offset + limit), totalItems: matching.length };
}
