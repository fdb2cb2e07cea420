/**
 * A run as people are shown it: one entry per repository, with the outcome as a code. Pure.
 * The HTTP report, the command line and its page show the same.
 */

import { CatalogFile, OutcomeKind, RepositoryAddress } from '../model';
import { parseTarget } from '../util/parseUrls';
import { HeldRemoval, KnownRepository, RepositoryResult } from './types';

/** A catalog file as people are shown it. */
export interface ReportedFile extends Pick<CatalogFile, 'path' | 'targetUrl'> {
  /** Where a location parser made entities of it: what tells these from others (`getEntryKey`). */
  readonly entityKeys?: readonly string[];
}

/** How one repository ended a run. */
export interface RepositoryReport {
  readonly repositoryId: number;
  readonly projectKey: string;
  readonly repositorySlug: string;
  readonly outcome: OutcomeKind;
  /** One of the codes in `model.ts`; `undefined` for what is registered. */
  readonly reason?: string;
  /** What happened, in a sentence without secrets; only of what is unknown. */
  readonly detail?: string;
  /** What the catalog holds for it, or would hold. */
  readonly files: readonly ReportedFile[];
  /** When it was last looked at with success, epoch milliseconds. */
  readonly checkedAtMs?: number;
  /** From when on a run looks at it again, epoch milliseconds; left out where the next one does. */
  readonly dueAtMs?: number;
}

/** A removal that is held back, with the repository that the Location belongs to. */
export interface HeldRemovalReport extends HeldRemoval {
  /** `undefined` where nothing is remembered of it. */
  readonly address?: RepositoryAddress;
}

/**
 * Turns a result into what people are shown.
 *
 * @param remembered - what is remembered of it after the run, where something is
 * @param dueAtMs - left out where the next run looks at it
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
 * The repository at an address as the catalog still has it, while the removal of all that it
 * has is held back: no run lists it any more.
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

/** Each file once, whatever a location parser has made of it. */
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

/** By project key, then by slug, without regard to case: the order of every list. */
export function compareReports(one: RepositoryReport, other: RepositoryReport): number {
  return (
    compareText(one.projectKey, other.projectKey) ||
    compareText(one.repositorySlug, other.repositorySlug) ||
    one.repositoryId - other.repositoryId
  );
}

/** By repository as {@link compareReports}, then by what would be removed. */
export function compareHeldRemovals(
  one: HeldRemovalReport,
  other: HeldRemovalReport,
): number {
  return (
    compareText(one.address?.projectKey, other.address?.projectKey) ||
    compareText(one.address?.slug, other.address?.slug) ||
    compareText(one.entryKey, other.entryKey)
  );
}

function compareText(one: string = '', other: string = ''): number {
  const [a, b] = [one.toLowerCase(), other.toLowerCase()];
  if (a === b) {
    return 0;
  }
  return a < b ? -1 : 1;
}
