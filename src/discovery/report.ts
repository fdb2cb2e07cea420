/**
 * The presentation of a run: one entry per repository, with the outcome as a code. Pure.
 * The HTTP report, the command line and its HTML page show the same data.
 */

import { CatalogFile, OutcomeKind, RepositoryAddress } from '../model';
import { parseTarget } from '../util/parseUrls';
import { HeldRemoval, KnownRepository, RepositoryResult } from './types';

/** A catalog file in a report. */
export interface ReportedFile extends Pick<CatalogFile, 'path' | 'targetUrl'> {
  /** Keys (`getEntryKey`) of the entities that a location parser made from it. */
  readonly entityKeys?: readonly string[];
}

/** The outcome of a run for one repository. */
export interface RepositoryReport {
  readonly repositoryId: number;
  readonly projectKey: string;
  readonly repositorySlug: string;
  readonly outcome: OutcomeKind;
  /** One of the codes in `model.ts`; `undefined` for a registered repository. */
  readonly reason?: string;
  /** What happened, in a sentence without secrets; only for unknown outcomes. */
  readonly detail?: string;
  /** The files that the catalog holds for it, or would hold. */
  readonly files: readonly ReportedFile[];
  /** Time of the last conclusive check, epoch milliseconds. */
  readonly checkedAtMs?: number;
  /**
   * Time from which a run checks it again, epoch milliseconds; omitted if the next run
   * does.
   */
  readonly dueAtMs?: number;
}

/** A held removal with the address of its repository. */
export interface HeldRemovalReport extends HeldRemoval {
  /** `undefined` if the repository has no stored state. */
  readonly address?: RepositoryAddress;
}

/**
 * Converts a result to its report.
 *
 * @param remembered - the state stored after the run, if any
 * @param dueAtMs - omitted if the next run checks the repository
 */
export function reportRepository(
  { repository, outcome, checkedAtMs }: RepositoryResult,
  remembered?: Pick<KnownRepository, 'files' | 'checkedAtMs'>,
  dueAtMs?: number,
): RepositoryReport {
  const lastCheckedAtMs = checkedAtMs ?? remembered?.checkedAtMs;
  return {
    repositoryId: repository.id,
    projectKey: repository.projectKey,
    repositorySlug: repository.slug,
    outcome: outcome.kind,
    ...(outcome.kind !== 'registered' && { reason: outcome.reason }),
    ...(outcome.kind === 'unknown' && { detail: outcome.detail }),
    files: eachFileOnce(
      outcome.kind === 'registered' ? outcome.files : (remembered?.files ?? []),
    ),
    ...(lastCheckedAtMs !== undefined && { checkedAtMs: lastCheckedAtMs }),
    ...(dueAtMs !== undefined && { dueAtMs }),
  };
}

/**
 * Reports a repository that no run lists any more, but which the catalog still holds
 * because all of its removals are held back.
 */
export function reportHeldRepository(
  held: readonly HeldRemovalReport[],
): RepositoryReport | undefined {
  const [first] = held;
  return (
    first?.address && {
      repositoryId: first.repositoryId,
      projectKey: first.address.projectKey,
      repositorySlug: first.address.slug,
      outcome: 'registered',
      files: held.flatMap(({ entryKey }) => {
        const read = parseTarget(entryKey);
        return read ? [{ path: read.path, targetUrl: entryKey }] : [];
      }),
    }
  );
}

/** Lists each file once, however many entities a location parser made from it. */
function eachFileOnce(files: readonly CatalogFile[]): ReportedFile[] {
  const byTarget = new Map<string, ReportedFile>();
  for (const { path, targetUrl, entity } of files) {
    const { entityKeys = [] } = byTarget.get(targetUrl) ?? {};
    byTarget.set(targetUrl, {
      path,
      targetUrl,
      ...(entity && { entityKeys: [...entityKeys, entity.key] }),
    });
  }
  return [...byTarget.values()];
}

/**
 * Orders reports by project key, then by slug, ignoring case: the order of every list.
 */
export function compareReports(a: RepositoryReport, b: RepositoryReport): number {
  return (
    compareText(a.projectKey, b.projectKey) ||
    compareText(a.repositorySlug, b.repositorySlug) ||
    a.repositoryId - b.repositoryId
  );
}

/** Orders held removals by repository like {@link compareReports}, then by entry key. */
export function compareHeldRemovals(a: HeldRemovalReport, b: HeldRemovalReport): number {
  return (
    compareText(a.address?.projectKey, b.address?.projectKey) ||
    compareText(a.address?.slug, b.address?.slug) ||
    compareText(a.entryKey, b.entryKey)
  );
}

function compareText(left: string = '', right: string = ''): number {
  const [a, b] = [left.toLowerCase(), right.toLowerCase()];
  if (a === b) {
    return 0;
  }
  return a < b ? -1 : 1;
}
