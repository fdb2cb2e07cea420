/**
 * What became in the catalog of the files of repositories, put together from what is stored
 * and from the catalog's own tables.
 */

import { LoggerService } from '@backstage/backend-plugin-api';
import { ServiceUnavailableError } from '@backstage/errors';
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
import { parseTarget } from '../util/parseUrls';

/** Told of one repository; people look through no more. */
const MAX_ENTITIES = 1_000;
const MAX_ERRORS = 100;

/** Of one provider: where there are more, something else is wrong than single files. */
const MAX_FAILURES = 10_000;

const MAX_MESSAGE_LENGTH = 2_000;

/** Something that the catalog says went wrong. */
export interface CatalogError extends CatalogErrorExplanation {
  /** Of what it could not process: the Location of a file, or what came of the file. */
  readonly entityRef: string;
  /** In the catalog's own words; of a name that is taken it says nothing, so in ours. */
  readonly message: string;
}

/** What became in the catalog of the files of a repository. */
export interface RepositoryInCatalog {
  /** What came of them and people see, as entity refs in alphabetical order. */
  readonly entities: readonly string[];
  /** What went wrong with them when the catalog processed them last. */
  readonly errors: readonly CatalogError[];
}

/** A repository of which the catalog could not use something. */
export interface FailingRepository {
  readonly report: RepositoryReport;
  /** At least one. */
  readonly errors: readonly CatalogError[];
}

/** What the reporter works with. */
export interface CatalogReporterOptions {
  readonly outcomes: Pick<CatalogOutcomes, 'of' | 'readErrors' | 'given'>;
  readonly reports: Pick<DiscoveryReport, 'findAt'>;
  /** Those of this configuration. */
  readonly providers: ProviderIds;
  /** The entity ref of the Location by which the catalog reads a URL. */
  readonly locationRef: (targetUrl: string) => string;
  readonly logger: Pick<LoggerService, 'warn'>;
}

/** Answers for every provider; any replica can. */
export class CatalogReporter {
  #hasWarned = false;

  constructor(private readonly options: CatalogReporterOptions) {}

  /**
   * What became of the files of these repositories, by their ids.
   *
   * @returns `undefined` where the catalog's tables cannot be read
   */
  async of(
    reports: readonly RepositoryReport[],
    conflicts: KnownConflicts,
  ): Promise<ReadonlyMap<number, RepositoryInCatalog> | undefined> {
    return this.#orUndefined(async () => {
      const roots = new Map(reports.map(one => [one, this.#getRootRefs(one)] as const));
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
   * The repositories of a provider with errors, in the order of `compareReports`.
   *
   * @returns `undefined` where the catalog's tables cannot be read
   */
  async failing(
    providerId: string,
    conflicts: KnownConflicts,
  ): Promise<FailingRepository[] | undefined> {
    const { outcomes, providers } = this.options;
    const name = [...providers].find(([, id]) => id === providerId)?.[0] ?? '';
    return this.#orUndefined(async () => {
      const byRoot = await collectByRoot(outcomes.readErrors(name), MAX_FAILURES);
      const reports = new Map<number, RepositoryReport>();
      for (const one of await this.#findByRoots(providerId, [...byRoot.keys()])) {
        reports.set(one.repositoryId, one);
      }
      for (const { report } of conflicts.disputed ?? []) {
        reports.set(report.repositoryId, report);
      }
      return [...reports.values()]
        .map(report => {
          const failed = this.#getRootRefs(report).flatMap(ref => byRoot.get(ref) ?? []);
          return { report, errors: toErrors(failed, conflicts.of(report)) };
        })
        .filter(one => one.errors.length > 0)
        .sort((one, other) => compareReports(one.report, other.report));
    });
  }

  /**
   * The same, without the errors.
   *
   * @throws ServiceUnavailableError where it is not known which these are
   */
  async failingReports(
    providerId: string,
    conflicts: KnownConflicts,
  ): Promise<RepositoryReport[]> {
    const failing = await this.failing(providerId, conflicts);
    if (!failing) {
      throw new ServiceUnavailableError(
        'Of which repositories the catalog could not use something cannot be read at the moment; the log of the backend says why',
      );
    }
    return failing.map(one => one.report);
  }

  /** What is at the addresses that these name, and where their files lie. */
  async #findByRoots(
    providerId: string,
    rootRefs: readonly string[],
  ): Promise<RepositoryReport[]> {
    const { outcomes, reports } = this.options;
    const addresses = new Map<string, RepositoryAddress>();
    for (const { address, sourceUrl = '' } of (await outcomes.given(rootRefs)).values()) {
      for (const one of [address, parseTarget(sourceUrl)]) {
        if (one) {
          addresses.set(addressKey(one), one);
        }
      }
    }
    return reports.findAt(providerId, [...addresses.values()]);
  }

  #getRootRefs({ files }: RepositoryReport): string[] {
    const { locationRef } = this.options;
    return files.flatMap(({ targetUrl, entityKeys = [targetUrl] }) =>
      // What a location parser made goes by its ref, unless it is the Location of the file.
      entityKeys.map(key => (/^https?:/.test(key) ? locationRef(key) : key)),
    );
  }

  /** The report stands without what cannot be read; the log says once that it does. */
  async #orUndefined<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await read();
      this.#hasWarned = false;
      return result;
    } catch (error) {
      if (!this.#hasWarned) {
        this.#hasWarned = true;
        this.options.logger.warn(
          `What the catalog made of the files cannot be read from its tables, so the report leaves it out; everything else goes on: ${withoutStatement(error)}`,
        );
      }
      return undefined;
    }
  }
}

/** @param limit - where there are more, the rest is left out */
async function collectByRoot(
  batches: AsyncIterable<readonly EntityOutcome[]>,
  limit = Infinity,
): Promise<Map<string, EntityOutcome[]>> {
  const byRoot = new Map<string, EntityOutcome[]>();
  let count = 0;
  for await (const batch of batches) {
    for (const one of batch) {
      const others = byRoot.get(one.rootRef);
      if (others) {
        others.push(one);
      } else {
        byRoot.set(one.rootRef, [one]);
      }
    }
    count += batch.length;
    if (count >= limit) {
      break;
    }
  }
  return byRoot;
}

function getEntityRefs(outcomes: readonly EntityOutcome[]): string[] {
  const shown = outcomes.filter(one => one.isShown && !isPlainLocation(one));
  return [...new Set(shown.map(one => one.entityRef))].sort().slice(0, MAX_ENTITIES);
}

/** Each once, in the order of the entities. */
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
    [...errors, ...conflicts.flatMap(toError)].map(one => [
      JSON.stringify([one.entityRef, one.message]),
      one,
    ]),
  );
  return [...unique.entries()]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([, error]) => error)
    .slice(0, MAX_ERRORS);
}

/** An entity of a file that the catalog has from somebody else: it does not call that an error. */
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

/** The Location by which a file is read came of discovery, not of the file. */
function isPlainLocation({ entityRef, isRoot }: EntityOutcome): boolean {
  return isRoot && entityRef.startsWith('location:');
}

/** A failure of the database begins with the statement, which tells people nothing. */
function withoutStatement(error: unknown): string {
  return String(error).split(' - ').at(-1) ?? '';
}
