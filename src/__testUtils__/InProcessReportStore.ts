/** A store of reports that works, for tests: it keeps them as long as it lives. */

import { addressKey, isPlaceholderId } from '../discovery/identify';
import { compareReports, HeldRemovalReport, RepositoryReport } from '../discovery/report';
import { HeldRemoval } from '../discovery/types';
import {
  FinishedRun,
  ReportStore,
  RepositoryPage,
  RepositoryQuery,
  RunFailure,
  RunStart,
  RunTrigger,
  StoredDiscovery,
} from '../store/ReportStore';
import { parseTarget } from '../util/parseTarget';

type Reports = Map<number, RepositoryReport>;

/** Keeps reports in maps; what is held back comes from elsewhere. */
export class InProcessReportStore implements ReportStore {
  readonly #discoveries = new Map<string, StoredDiscovery>();
  readonly #reports = new Map<string, Reports>();
  readonly #triggers = new Set<string>();
  readonly #loadHeld: (providerId: string) => Promise<readonly HeldRemoval[]>;

  constructor(
    loadHeld: (providerId: string) => Promise<readonly HeldRemoval[]> = async () => [],
  ) {
    this.#loadHeld = loadHeld;
  }

  async noteTrigger(providerId: string, _trigger: 'manual'): Promise<void> {
    this.#triggers.add(providerId);
    this.#update(providerId, {});
  }

  async takeTrigger(providerId: string): Promise<RunTrigger> {
    return this.#triggers.delete(providerId) ? 'manual' : 'schedule';
  }

  async beginRun(providerId: string, start: RunStart): Promise<void> {
    this.#update(providerId, { running: true, lastStart: start, failure: undefined });
  }

  async finishRun(
    providerId: string,
    { host, trigger, ...lastRun }: FinishedRun,
    repositories: readonly RepositoryReport[],
  ): Promise<void> {
    const lastStart = { host, trigger, startedAtMs: lastRun.startedAtMs };
    this.#update(providerId, { running: false, lastStart, lastRun, failure: undefined });
    if (lastRun.status === 'succeeded') {
      this.#update(providerId, { lastSuccessAtMs: lastRun.finishedAtMs });
      this.#reports.delete(providerId);
    }
    await this.saveRepositories(providerId, repositories);
  }

  async failRun(providerId: string, failure: RunFailure): Promise<void> {
    this.#update(providerId, { running: false, failure });
  }

  async saveRepositories(
    providerId: string,
    repositories: readonly RepositoryReport[],
  ): Promise<void> {
    const reports: Reports = this.#reports.get(providerId) ?? new Map();
    this.#reports.set(providerId, reports);
    const identified = new Set(
      repositories
        .filter(one => !isPlaceholderId(one.repositoryId))
        .map(one => keyOf(one)),
    );
    for (const [id, one] of reports) {
      if (isPlaceholderId(id) && identified.has(keyOf(one))) {
        reports.delete(id);
      }
    }
    for (const one of repositories) {
      reports.set(one.repositoryId, one);
    }
  }

  async forgetRepositories(
    providerId: string,
    repositoryIds: readonly number[],
  ): Promise<void> {
    for (const id of repositoryIds) {
      this.#reports.get(providerId)?.delete(id);
    }
  }

  async loadDiscoveries(): Promise<StoredDiscovery[]> {
    return [...this.#discoveries.values()];
  }

  async loadDiscovery(providerId: string): Promise<StoredDiscovery | undefined> {
    return this.#discoveries.get(providerId);
  }

  async loadHeldRemovals(providerId: string): Promise<HeldRemovalReport[]> {
    const held = await this.#loadHeld(providerId);
    return held.map(one => ({ ...one, address: parseTarget(one.targetUrl) }));
  }

  async pageRepositories(
    providerId: string,
    { outcome, project, limit, offset }: RepositoryQuery,
  ): Promise<RepositoryPage> {
    const matching = this.#sorted(providerId).filter(
      one =>
        (outcome === undefined || one.outcome === outcome) &&
        (project === undefined || one.projectKey.toLowerCase() === project.toLowerCase()),
    );
    return {
      items: matching.slice(offset, offset + limit),
      totalItems: matching.length,
    };
  }

  async findRepository(
    providerId: string,
    projectKey: string,
    slug: string,
  ): Promise<RepositoryReport | undefined> {
    const key = addressKey({ projectKey, slug });
    return this.#sorted(providerId)
      .filter(one => keyOf(one) === key)
      .at(-1);
  }

  async findByTargets(
    providerId: string,
    targetUrls: readonly string[],
  ): Promise<RepositoryReport[]> {
    return this.#sorted(providerId).filter(one =>
      one.files.some(file => targetUrls.includes(file.targetUrl)),
    );
  }

  #sorted(providerId: string): RepositoryReport[] {
    return [...(this.#reports.get(providerId)?.values() ?? [])].sort(compareReports);
  }

  #update(providerId: string, change: Partial<StoredDiscovery>): void {
    const before = this.#discoveries.get(providerId) ?? { providerId, running: false };
    this.#discoveries.set(providerId, { ...before, ...change });
  }
}

function keyOf({ projectKey, repositorySlug }: RepositoryReport): string {
  return addressKey({ projectKey, slug: repositorySlug });
}
