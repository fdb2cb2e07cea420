/** The result of a preview, as `--json` prints it and the page shows it. */

import { BitbucketServerIntegrationConfig } from '@backstage/integration';
import { repositoryUrl } from '../bitbucket/webUrls';
import { CatalogError, RepositoryInCatalog } from '../catalog/CatalogReporter';
import { SharedFile } from '../conflicts/describeConflicts';
import {
  explainWithoutParser,
  REGISTERED_REMEDY_WITH_CATALOG,
} from '../discovery/explanations';
import { RepositoryReport } from '../discovery/report';
import { RunSummary } from '../discovery/summarizeRun';
import { CatalogFile, OutcomeKind } from '../model';
import { RequestCounts } from '../provider/createClient';

/** A preview of one or more providers. */
export interface PreviewDocument {
  /** Increases when a field is removed or changes its meaning, not for new fields. */
  readonly version: 1;
  /** ISO 8601. */
  readonly createdAt: string;
  /** In the order of the configuration. */
  readonly providers: readonly ProviderPreview[];
  /** Files that several of these providers would register. */
  readonly conflicts: readonly SharedFile[];
}

/** The result of a run of one provider, starting without state or from a live catalog. */
export interface ProviderPreview {
  readonly providerId: string;
  readonly host: string;
  /** `failed` if a scheduled run would fail; the other fields hold the results until then. */
  readonly status: 'succeeded' | 'failed';
  /** Why it failed; contains no secrets. */
  readonly error?: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** ISO 8601. */
  readonly finishedAt: string;
  readonly durationMs: number;
  /** The counts that a scheduled run would report. */
  readonly summary: RunSummary;
  readonly requests: PreviewedRequests;
  /** `undefined` if the server does not report it. */
  readonly budget?: PreviewedBudget;
  /** By project key, then by slug. */
  readonly repositories: readonly PreviewedRepository[];
  /** How a live catalog differs; present with `--against`. */
  readonly against?: CatalogDifference;
}

/** The requests that the preview sent to Bitbucket, retries included. */
export interface PreviewedRequests extends RequestCounts {
  /** The time during which at least one request waited. */
  readonly pacedMs: number;
  /** The number of requests in each second of the run, oldest first. */
  readonly perSecond: readonly number[];
}

/** The number of requests that the server lets the account send. */
export type PreviewedBudget =
  | {
      readonly kind: 'limited';
      /** Requests that can be sent at once. */
      readonly capacity: number;
      readonly fillRatePerSecond: number;
    }
  | { readonly kind: 'unlimited' };

/** The outcome of one repository. */
export interface PreviewedRepository {
  readonly projectKey: string;
  readonly repositorySlug: string;
  readonly outcome: OutcomeKind;
  /** One of the codes in `model.ts`; `undefined` for a registered repository. */
  readonly reason?: string;
  /** What happened, as a sentence without secrets; only if the outcome is `unknown`. */
  readonly detail?: string;
  /** The meaning of the outcome. */
  readonly cause: string;
  /** What to do about it. */
  readonly remedy: string;
  /** The files that would be registered. */
  readonly files: readonly PreviewedFile[];
  /** The page of the repository in Bitbucket. */
  readonly url?: string;
  /** The entities and errors of its files; present if a live catalog reports them. */
  readonly catalog?: InLiveCatalog;
  /** When a backend last checked it, ISO 8601; present if one repository is explained. */
  readonly checkedAt?: string;
  /** The earliest time of the next check, ISO 8601; absent if that is the next run. */
  readonly dueAt?: string;
  /** Locations that a backend keeps although a run would remove them. */
  readonly heldRemovals?: readonly {
    readonly targetUrl: string;
    /** ISO 8601. */
    readonly since: string;
    /** Whether it has been removed since, or is about to be. */
    readonly approved: boolean;
  }[];
}

/** What a backend reports about the files of a repository. */
export interface InLiveCatalog extends Pick<RepositoryInCatalog, 'entities'> {
  readonly errors: readonly Pick<CatalogError, 'entityRef' | 'message' | 'remedy'>[];
}

/** A catalog file and the target of its Location. */
export type PreviewedFile = Pick<CatalogFile, 'path' | 'targetUrl'>;

/** Explains a difference that is based on entities only. */
export const KNOWN_BY_ENTITIES =
  'The backend has no report of this provider, or none that the token may read. The catalog itself does not show a Location whose file it could never process: such a Location may already exist although it is listed as added, and may be removed without being listed.';

/** What the next complete run would change in a live catalog. */
export interface CatalogDifference {
  /** The given address of the backend. */
  readonly url: string;
  /**
   * The source of the provider's Locations: the report of its last run, which is exact, or
   * the entities that the catalog shows. The catalog shows no Location whose file it could
   * never process, and not which provider emitted a Location.
   */
  readonly knownBy: 'report' | 'entities';
  /** Targets that would be added. */
  readonly added: readonly string[];
  /** Targets in the catalog whose file is proven to be gone. */
  readonly removed: readonly string[];
  /** Targets whose removal is held back, because too many would be removed in one run. */
  readonly heldBack: readonly string[];
  /** Why, as a sentence; present if a removal is held back. */
  readonly heldBackReason?: string;
  /** The number of targets that stay. */
  readonly unchanged: number;
}

/** Adds the explanation and the page to a report. */
export function toPreviewedRepository(
  report: RepositoryReport,
  integration: BitbucketServerIntegrationConfig,
): PreviewedRepository {
  const { projectKey, repositorySlug, outcome, reason, detail, files } = report;
  const explanation = explainWithoutParser(outcome, reason);
  return {
    projectKey,
    repositorySlug,
    outcome,
    reason,
    detail,
    cause: explanation?.cause ?? '',
    remedy: explanation?.remedy ?? '',
    files: files.map(({ path, targetUrl }) => ({ path, targetUrl })),
    // Not the server's own link: readers can reach the host of the integration.
    url: repositoryUrl({ projectKey, slug: repositorySlug }, integration),
  };
}

/**
 * Adds the information from a live catalog, and no longer advises to look there.
 *
 * @param live - `undefined` if the backend has no information about the repository
 */
export function addLiveCatalog(
  repository: PreviewedRepository,
  live: Partial<PreviewedRepository> | undefined,
): PreviewedRepository {
  const { outcome, remedy } = repository;
  return {
    ...repository,
    remedy: outcome === 'registered' ? REGISTERED_REMEDY_WITH_CATALOG : remedy,
    ...live,
  };
}
