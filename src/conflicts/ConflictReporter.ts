/** The conflicts of a provider by repository, put together from what is stored. */

import { LoggerService } from '@backstage/backend-plugin-api';
import { ServiceUnavailableError } from '@backstage/errors';
import { RepositoryReport } from '../discovery/report';
import { DiscoveryReport } from '../store/DiscoveryReport';
import { ConflictStore } from './ConflictStore';
import {
  Conflict,
  conflictsOfProvider,
  distinctConflicts,
  ProviderIds,
} from './describeConflicts';

/** A repository with conflicts. */
export interface DisputedRepository {
  readonly report: RepositoryReport;
  /** At least one. */
  readonly conflicts: readonly Conflict[];
}

/** What the report is put together from. */
export interface ConflictReporterOptions {
  readonly store: Pick<ConflictStore, 'load'>;
  readonly reports: Pick<DiscoveryReport, 'findByTargets'>;
  /** Those of this configuration. */
  readonly providers: ProviderIds;
}

/** Answers for every provider; any replica can. */
export class ConflictReporter {
  constructor(private readonly options: ConflictReporterOptions) {}

  /**
   * The repositories of a provider that have conflicts, in the order of `compareReports`.
   *
   * @throws when the tables cannot be read: then it is not known whether there are any
   */
  async of(providerId: string): Promise<DisputedRepository[]> {
    const { providers, store, reports } = this.options;
    const recorded = await store.load();
    const locationKey = [...providers].find(([, id]) => id === providerId)?.[0];
    if (locationKey === undefined || recorded.length === 0) {
      return [];
    }
    const byTarget = new Map<string, Conflict[]>();
    for (const one of conflictsOfProvider(recorded, locationKey, providers)) {
      byTarget.set(one.targetUrl, [...(byTarget.get(one.targetUrl) ?? []), one]);
    }
    const found = await reports.findByTargets(providerId, [...byTarget.keys()]);
    return found.map(report => ({
      report,
      conflicts: report.files.flatMap(file => byTarget.get(file.targetUrl) ?? []),
    }));
  }
}

/** What reading conflicts for a report takes. */
export interface ReadConflictsOptions {
  readonly conflicts: Pick<ConflictReporter, 'of'>;
  readonly logger: Pick<LoggerService, 'warn'>;
}

/** The conflicts of a provider as they were read; what is `undefined` is not known. */
export interface KnownConflicts {
  /** How many there are, each once. */
  readonly count?: number;
  readonly disputed?: readonly DisputedRepository[];
  /** Those of a repository. */
  of(report: RepositoryReport): readonly Conflict[] | undefined;
}

/**
 * Reads those that a provider has at this moment; where that fails, a report stands without.
 */
export async function readConflicts(
  providerId: string,
  { conflicts, logger }: ReadConflictsOptions,
): Promise<KnownConflicts> {
  let disputed: readonly DisputedRepository[] | undefined;
  try {
    disputed = await conflicts.of(providerId);
  } catch (error) {
    logger.warn(`The conflicts of provider ${providerId} could not be read: ${error}`);
  }
  return toKnownConflicts(disputed);
}

/** @param disputed - `undefined` where that is not known */
export function toKnownConflicts(
  disputed: readonly DisputedRepository[] | undefined,
): KnownConflicts {
  const byId =
    disputed && new Map(disputed.map(one => [one.report.repositoryId, one.conflicts]));
  return {
    count: disputed && distinctConflicts(disputed.flatMap(one => one.conflicts)).length,
    disputed,
    of: ({ repositoryId }) => byId && (byId.get(repositoryId) ?? []),
  };
}

/**
 * The repositories with conflicts, in the order of `compareReports`.
 *
 * @throws ServiceUnavailableError where it is not known which these are
 */
export function disputedReports({ disputed }: KnownConflicts): RepositoryReport[] {
  if (!disputed) {
    throw new ServiceUnavailableError(
      'Which repositories have conflicts cannot be read at the moment; the log of the backend says why',
    );
  }
  return disputed.map(one => one.report);
}
