/** Reports the conflicts of a provider by repository, from stored data. */

import { LoggerService } from '@backstage/backend-plugin-api';
import { RepositoryReport } from '../discovery/report';
import { DiscoveryReport } from '../store/DiscoveryReport';
import { groupBy } from '../util/groupBy';
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

/** Dependencies of the reporter. */
export interface ConflictReporterOptions {
  readonly store: Pick<ConflictStore, 'load'>;
  readonly reports: Pick<DiscoveryReport, 'findByTargets'>;
  /** The providers of this configuration. */
  readonly providers: ProviderIds;
}

/** Reports conflicts for every provider, on any replica. */
export class ConflictReporter {
  constructor(private readonly options: ConflictReporterOptions) {}

  /**
   * Returns the repositories of a provider that have conflicts, in the order of
   * `compareReports`.
   *
   * @throws an error if the tables cannot be read: it is then not known whether there are
   * any
   */
  async of(providerId: string): Promise<DisputedRepository[]> {
    const { providers, store, reports } = this.options;
    const recorded = await store.load();
    const locationKey = [...providers].find(([, id]) => id === providerId)?.[0];
    if (locationKey === undefined || recorded.length === 0) {
      return [];
    }
    const own = conflictsOfProvider(recorded, locationKey, providers);
    const byTarget = groupBy(own, conflict => conflict.targetUrl);
    const found = await reports.findByTargets(providerId, [...byTarget.keys()]);
    return found.map(report => ({
      report,
      conflicts: report.files.flatMap(file => byTarget.get(file.targetUrl) ?? []),
    }));
  }
}

/** Dependencies for reading conflicts. */
export interface ReadConflictsOptions {
  readonly conflicts: Pick<ConflictReporter, 'of'>;
  readonly logger: Pick<LoggerService, 'warn'>;
}

/** The conflicts of a provider as read; `undefined` values are not known. */
export interface KnownConflicts {
  /** Number of distinct conflicts. */
  readonly count?: number;
  readonly disputed?: readonly DisputedRepository[];
  /** Returns the conflicts of a repository. */
  of(report: RepositoryReport): readonly Conflict[] | undefined;
}

/** Reads the current conflicts of a provider; if that fails, the report omits them. */
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

/** @param disputed - `undefined` if not known */
export function toKnownConflicts(
  disputed: readonly DisputedRepository[] | undefined,
): KnownConflicts {
  if (!disputed) {
    return { of: () => undefined };
  }
  const byId = new Map(
    disputed.map(({ report, conflicts }) => [report.repositoryId, conflicts]),
  );
  return {
    count: distinctConflicts(disputed.flatMap(({ conflicts }) => conflicts)).length,
    disputed,
    of: ({ repositoryId }) => byId.get(repositoryId) ?? [],
  };
}
