/** What a preview found out, as `--json` prints it and the page shows it. */

import { BitbucketServerIntegrationConfig } from '@backstage/integration';
import { repositoryUrl } from '../bitbucket/webUrls';
import { SharedFile } from '../conflicts/describeConflicts';
import {
  explainWithoutParser,
  REGISTERED_REMEDY_WITH_CATALOG,
} from '../discovery/explanations';
import { RepositoryReport } from '../discovery/report';
import { RunSummary } from '../discovery/summarizeRun';
import { OutcomeKind } from '../model';

/** One preview of one or more providers. */
export interface PreviewDocument {
  /** Raised when a field changes its meaning or goes; new fields do not raise it. */
  readonly version: 1;
  /** ISO 8601. */
  readonly createdAt: string;
  /** In the order of the configuration. */
  readonly providers: readonly ProviderPreview[];
  /** Files that several of these providers would register. */
  readonly conflicts: readonly SharedFile[];
}

/** What a run of one provider would find, starting from nothing or from a live catalog. */
export interface ProviderPreview {
  readonly providerId: string;
  readonly host: string;
  /** `failed` where a scheduled run would fail; what was learned until then is here. */
  readonly status: 'succeeded' | 'failed';
  /** Why it failed, in words without secrets. */
  readonly error?: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** ISO 8601. */
  readonly finishedAt: string;
  readonly durationMs: number;
  /** The counts that a scheduled run would report. */
  readonly summary: RunSummary;
  readonly requests: PreviewedRequests;
  /** `undefined` where the server does not tell. */
  readonly budget?: PreviewedBudget;
  /** By project key, then by slug. */
  readonly repositories: readonly PreviewedRepository[];
  /** How a live catalog differs; present where one was named and could be read. */
  readonly against?: CatalogDifference;
}

/** What the preview asked of Bitbucket, retries included. */
export interface PreviewedRequests {
  readonly total: number;
  readonly retries: number;
  /** Answers that told us to slow down. */
  readonly rateLimited: number;
  /** How many of each kind; only kinds that were sent. */
  readonly byKind: Readonly<Record<string, number>>;
  /** How long requests waited for their turn, summed over all of them, also parallel ones. */
  readonly waitedMs: number;
  /** For how long of the run at least one of them waited. */
  readonly pacedMs: number;
  /** Requests per second of the run: how many were sent in each, oldest first. */
  readonly perSecond: readonly number[];
}

/** How many requests the server lets the account send. */
export type PreviewedBudget =
  | {
      readonly kind: 'limited';
      /** Requests that can be sent at once. */
      readonly capacity: number;
      readonly fillRatePerSecond: number;
    }
  | { readonly kind: 'unlimited' };

/** How one repository would end a run. */
export interface PreviewedRepository {
  readonly projectKey: string;
  readonly repositorySlug: string;
  readonly outcome: OutcomeKind;
  /** One of the codes in `model.ts`; `undefined` for what is registered. */
  readonly reason?: string;
  /** What happened, in a sentence without secrets; only of what is unknown. */
  readonly detail?: string;
  /** What the outcome means. */
  readonly cause: string;
  /** What to do about it. */
  readonly remedy: string;
  /** What would be registered for it. */
  readonly files: readonly PreviewedFile[];
  /** Where people see the repository in Bitbucket. */
  readonly url?: string;
  /** What became of its files in a live catalog; present where one was named and tells. */
  readonly catalog?: InLiveCatalog;
  /** When a backend last looked at it, ISO 8601; present where one repository is asked for. */
  readonly checkedAt?: string;
  /** From when on it looks again; its next run does where this is left out. */
  readonly dueAt?: string;
  /** Its Locations that a backend keeps although a run would remove them, and since when. */
  readonly heldRemovals?: readonly {
    readonly targetUrl: string;
    /** ISO 8601. */
    readonly since: string;
    /** It is removed by now, or about to be. */
    readonly approved: boolean;
  }[];
}

/** What a backend reports of the files of a repository. */
export interface InLiveCatalog {
  /** Entity refs of what people see in the catalog. */
  readonly entities: readonly string[];
  readonly errors: readonly LiveCatalogError[];
}

/** Something that a live catalog could not use. */
export interface LiveCatalogError {
  readonly entityRef: string;
  /** In the words of the catalog. */
  readonly message: string;
  readonly remedy: string;
}

/** A catalog file and the target of its Location. */
export interface PreviewedFile {
  readonly path: string;
  readonly targetUrl: string;
}

/** What people are told of a difference that is known by entities only. */
export const KNOWN_BY_ENTITIES =
  'The backend has no report of this provider, or none that the token may read. The catalog itself does not show a Location whose file it could never use: such a one may be there already where it is told as added, and may go without being told.';

/** What the next complete run would change in a live catalog. */
export interface CatalogDifference {
  /** Of the catalog, as it was given. */
  readonly url: string;
  /**
   * How it is known what the provider has there: by the report of its last run, exactly, or
   * by the entities that the catalog shows. It shows no Location whose file it could never
   * use, and not which provider made one.
   */
  readonly knownBy: 'report' | 'entities';
  /** Targets that are not in the catalog yet. */
  readonly added: readonly string[];
  /** Targets in the catalog that are proven not to be there any more. */
  readonly removed: readonly string[];
  /** Likewise, and kept for now: so many are not removed at once. */
  readonly heldBack: readonly string[];
  /** Why, in a sentence; present where something is held back. */
  readonly heldBackReason?: string;
  /** How many targets stay as they are. */
  readonly unchanged: number;
}

/** Adds to a report what it means. */
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
    // Without the server's own link: on the integration's host, which readers can reach.
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
