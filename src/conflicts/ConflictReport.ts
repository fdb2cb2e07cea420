/** The conflicts of a provider by repository, put together from what is stored. */

import { Conflict, conflictsOfProvider, ProviderIds } from './describeConflicts';
import { RepositoryReport } from '../discovery/report';
import { ConflictStore } from './ConflictStore';
import { DiscoveryReport } from '../store/DiscoveryReport';

/** A repository with conflicts. */
export interface DisputedRepository {
  readonly report: RepositoryReport;
  /** At least one. */
  readonly conflicts: readonly Conflict[];
}

/** What the report is put together from. */
export interface ConflictReportOptions {
  readonly store: Pick<ConflictStore, 'load'>;
  readonly reports: Pick<DiscoveryReport, 'findByTargets'>;
  /** Those of this configuration. */
  readonly providers: ProviderIds;
}

/** Answers for every provider; any replica can. */
export class ConflictReport {
  readonly #options: ConflictReportOptions;

  constructor(options: ConflictReportOptions) {
    this.#options = options;
  }

  /**
   * The repositories of a provider that have conflicts, in the order of `compareReports`.
   *
   * @throws when the tables cannot be read: then nobody knows whether there are any
   */
  async of(providerId: string): Promise<DisputedRepository[]> {
    const { providers, store, reports } = this.#options;
    const recorded = await store.load();
    const locationKey = [...providers].find(([, id]) => id === providerId)?.[0];
    if (locationKey === undefined || recorded.length === 0) {
      return [];
    }
    const conflicts = conflictsOfProvider(recorded, locationKey, providers);
    const byTarget = new Map<string, Conflict[]>();
    for (const one of conflicts) {
      byTarget.set(one.targetUrl, [...(byTarget.get(one.targetUrl) ?? []), one]);
    }
    const found = await reports.findByTargets(providerId, [...byTarget.keys()]);
    return found.map(report => ({
      report,
      conflicts: report.files.flatMap(file => byTarget.get(file.targetUrl) ?? []),
    }));
  }
}
