/**
 * Reports what became of repositories' files in the catalog, from stored data and from
 * the catalog's own tables.
 */

import { LoggerService } from '@backstage/backend-plugin-api';
import {
  Conflict,
  ProviderIds,
  withoutCredentials,
} from '../conflicts/describeConflicts';
import { KnownConflicts } from '../conflicts/ConflictReporter';
import { CatalogErrorExplanation, explainCatalogError } from '../discovery/catalogErrors';
import { addressKey } from '../discovery/identify';
import { compareReports, RepositoryReport } from '../discovery/report';
import { RepositoryAddress } from '../model';
import { CatalogOutcomes, EntityOutcome } from '../store/CatalogOutcomes';
import { DiscoveryReport } from '../store/DiscoveryReport';
import { groupBy } from '../util/groupBy';
import { parseTarget } from '../util/parseUrls';

/** Limits per repository; longer lists are of no use to people. */
const MAX_ENTITIES = 1_000;
const MAX_ERRORS = 100;

/** Limit per provider: with more errors, the cause is not in single files. */
const MAX_FAILURES = 10_000;

const MAX_MESSAGE_LENGTH = 2_000;

/** An error reported by the catalog. */
export interface CatalogError extends CatalogErrorExplanation {
  /**
   * The entity that it could not process: the Location of a file, or an entity from the
   * file.
   */
  readonly entityRef: string;
  /**
   * In the catalog's own words; for a name that is taken, which the catalog does not
   * report, in ours.
   */
  readonly message: string;
}

/** What became of a repository's files in the catalog. */
export interface RepositoryInCatalog {
  /** The visible entities from these files, as entity refs in alphabetical order. */
  readonly entities: readonly string[];
  /** The errors of their last processing. */
  readonly errors: readonly CatalogError[];
}

/** A repository with files or entities that the catalog could not use. */
export interface FailingRepository {
  readonly report: RepositoryReport;
  /** At least one. */
  readonly errors: readonly CatalogError[];
}

/** Dependencies of the reporter. */
export interface CatalogReporterOptions {
  readonly outcomes: Pick<CatalogOutcomes, 'of' | 'readErrors' | 'given'>;
  readonly reports: Pick<DiscoveryReport, 'findAt'>;
  /** The providers of this configuration. */
  readonly providers: ProviderIds;
  /** Returns the entity ref of the Location by which the catalog reads a URL. */
  readonly locationRef: (targetUrl: string) => string;
  readonly logger: Pick<LoggerService, 'warn'>;
}

/** Reports for every provider, on any replica. */
export class CatalogReporter {
  #hasWarned = false;

  constructor(private readonly options: CatalogReporterOptions) {}

  /**
   * Returns what became of the files of these repositories, by repository id.
   *
   * @returns `undefined` if the catalog's tables cannot be read
   */
  async of(
    reports: readonly RepositoryReport[],
    conflicts: KnownConflicts,
  ): Promise<ReadonlyMap<number, RepositoryInCatalog> | undefined> {
    return this.#orUndefined(async () => {
      const roots = new Map(
        reports.map(report => [report, this.#getRootRefs(report)] as const),
      );
      const byRoot = await collectByRoot(
        this.options.outcomes.of([...roots.values()].flat()),
      );
      return new Map(
        [...roots].map(([report, refs]) => {
          const outcomes = refs.flatMap(ref => byRoot.get(ref) ?? []);
          const inCatalog = {
            entities: getEntityRefs(outcomes),
            errors: toErrors(outcomes, conflicts.of(report)),
          };
          return [report.repositoryId, inCatalog] as const;
        }),
      );
    });
  }

  /**
   * Returns the repositories of a provider with errors, in the order of `compareReports`.
   *
   * @returns `undefined` if the catalog's tables cannot be read
   */
  async failing(
    providerId: string,
    conflicts: KnownConflicts,
  ): Promise<FailingRepository[] | undefined> {
    const { outcomes, providers } = this.options;
    const name = [...providers].find(([, id]) => id === providerId)?.[0] ?? '';
    return this.#orUndefined(async () => {
      const byRoot = await collectByRoot(outcomes.readErrors(name), MAX_FAILURES);
      const reports = [
        ...(await this.#findByRoots(providerId, [...byRoot.keys()])),
        ...(conflicts.disputed ?? []).map(({ report }) => report),
      ];
      const unique = new Map(reports.map(report => [report.repositoryId, report]));
      return [...unique.values()]
        .map(report => {
          const failed = this.#getRootRefs(report).flatMap(ref => byRoot.get(ref) ?? []);
          return { report, errors: toErrors(failed, conflicts.of(report)) };
        })
        .filter(result => result.errors.length > 0)
        .sort((a, b) => compareReports(a.report, b.report));
    });
  }

  /**
   * Finds the repositories at the addresses that these entities name, and those that hold
   * files there.
   */
  async #findByRoots(
    providerId: string,
    rootRefs: readonly string[],
  ): Promise<RepositoryReport[]> {
    const { outcomes, reports } = this.options;
    const addresses = new Map<string, RepositoryAddress>();
    for (const { address, sourceUrl = '' } of (await outcomes.given(rootRefs)).values()) {
      for (const candidate of [address, parseTarget(sourceUrl)]) {
        if (candidate) {
          addresses.set(addressKey(candidate), candidate);
        }
      }
    }
    return reports.findAt(providerId, [...addresses.values()]);
  }

  #getRootRefs({ files }: RepositoryReport): string[] {
    const { locationRef } = this.options;
    return files.flatMap(({ targetUrl, entityKeys = [targetUrl] }) =>
      // An entity made by a location parser is identified by its ref, unless it is the
      // Location of the file.
      entityKeys.map(key => (/^https?:/.test(key) ? locationRef(key) : key)),
    );
  }

  /**
   * Returns `undefined` if a read fails, so that the report omits the data; logs that
   * once.
   */
  async #orUndefined<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await read();
      this.#hasWarned = false;
      return result;
    } catch (error) {
      if (!this.#hasWarned) {
        this.#hasWarned = true;
        this.options.logger.warn(
          `The state of the files cannot be read from the catalog's tables, so the report omits it; nothing else is affected: ${withoutStatement(error)}`,
        );
      }
      return undefined;
    }
  }
}

/** @param limit - further outcomes are ignored */
async function collectByRoot(
  batches: AsyncIterable<readonly EntityOutcome[]>,
  limit = Infinity,
): Promise<Map<string, readonly EntityOutcome[]>> {
  const read: (readonly EntityOutcome[])[] = [];
  let count = 0;
  for await (const batch of batches) {
    read.push(batch);
    count += batch.length;
    if (count >= limit) {
      break;
    }
  }
  return groupBy(read.flat(), outcome => outcome.rootRef);
}

function getEntityRefs(outcomes: readonly EntityOutcome[]): string[] {
  const shown = outcomes.filter(outcome => outcome.isShown && !isPlainLocation(outcome));
  return [...new Set(shown.map(outcome => outcome.entityRef))]
    .sort()
    .slice(0, MAX_ENTITIES);
}

/** Collects distinct errors, ordered by entity. */
function toErrors(
  outcomes: readonly EntityOutcome[],
  conflicts: readonly Conflict[] = [],
): CatalogError[] {
  const errors = outcomes.flatMap(({ entityRef, errors: messages }) =>
    messages.map(message => ({
      entityRef,
      message: withoutCredentials(message).slice(0, MAX_MESSAGE_LENGTH),
      ...explainCatalogError(message),
    })),
  );
  const unique = new Map(
    [...errors, ...conflicts.flatMap(toError)].map(error => [
      JSON.stringify([error.entityRef, error.message]),
      error,
    ]),
  );
  return [...unique.entries()]
    .sort(([key], [otherKey]) => (key < otherKey ? -1 : 1))
    .map(([, error]) => error)
    .slice(0, MAX_ERRORS);
}

/** Converts a refused entity to an error: the catalog itself does not report one. */
function toError({
  entityRef,
  explanation,
  kind,
  remedy,
  role,
}: Conflict): CatalogError[] {
  return kind === 'entity' && role === 'refused'
    ? [{ entityRef, message: explanation, reason: 'name-taken', remedy }]
    : [];
}

/**
 * Whether an entity is the Location of a file, which comes from discovery and not from
 * the file.
 */
function isPlainLocation({ entityRef, isRoot }: EntityOutcome): boolean {
  return isRoot && entityRef.startsWith('location:');
}

/**
 * Removes the SQL statement at the start of a database error, which does not help people.
 */
function withoutStatement(error: unknown): string {
  return String(error).split(' - ').at(-1) ?? '';
}
