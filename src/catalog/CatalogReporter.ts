/**
 * What became in the catalog of the files of repositories, put together from what is stored
 * and from the catalog's own tables.
 */

import { LoggerService } from '@backstage/backend-plugin-api';
import { RepositoryReport } from '../discovery/report';
import { CatalogOutcomes, EntityOutcome } from '../store/CatalogOutcomes';

/** Told of one repository; people look through no more. */
const MAX_ENTITIES = 1_000;
const MAX_ERRORS = 100;

/** Something that the catalog says went wrong. */
export interface CatalogError {
  /** Of what it could not process: the Location of a file, or what came of the file. */
  readonly entityRef: string;
  /** In the catalog's own words. */
  readonly message: string;
}

/** What became in the catalog of the files of a repository. */
export interface RepositoryInCatalog {
  /** What came of them and people see, as entity refs in alphabetical order. */
  readonly entities: readonly string[];
  /** What went wrong with them when the catalog processed them last. */
  readonly errors: readonly CatalogError[];
}

/** What the reporter works with. */
export interface CatalogReporterOptions {
  readonly outcomes: Pick<CatalogOutcomes, 'of'>;
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
  ): Promise<ReadonlyMap<number, RepositoryInCatalog> | undefined> {
    return this.#orUndefined(async () => {
      const roots = new Map(
        reports.map(one => [one.repositoryId, this.#rootRefsOf(one)] as const),
      );
      const byRoot = new Map<string, EntityOutcome[]>();
      for await (const batch of this.options.outcomes.of([...roots.values()].flat())) {
        addByRoot(byRoot, batch);
      }
      return new Map(
        [...roots].map(([id, refs]) => [id, summarizeOutcomes(refs, byRoot)] as const),
      );
    });
  }

  #rootRefsOf({ files }: RepositoryReport): string[] {
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

function addByRoot(
  byRoot: Map<string, EntityOutcome[]>,
  outcomes: readonly EntityOutcome[],
): void {
  for (const one of outcomes) {
    const others = byRoot.get(one.rootRef);
    if (others) {
      others.push(one);
    } else {
      byRoot.set(one.rootRef, [one]);
    }
  }
}

/** Each entity once, whatever it came of. */
function summarizeOutcomes(
  rootRefs: readonly string[],
  byRoot: ReadonlyMap<string, readonly EntityOutcome[]>,
): RepositoryInCatalog {
  const all = rootRefs.flatMap(ref => byRoot.get(ref) ?? []);
  const byRef = new Map(all.map(one => [one.entityRef, one]));
  const sorted = [...byRef.values()].sort((one, other) =>
    one.entityRef < other.entityRef ? -1 : 1,
  );
  return {
    entities: sorted
      .filter(one => one.isShown && !isPlainLocation(one))
      .map(one => one.entityRef)
      .slice(0, MAX_ENTITIES),
    errors: sorted
      .flatMap(({ entityRef, errors }) => errors.map(message => ({ entityRef, message })))
      .slice(0, MAX_ERRORS),
  };
}

/** The Location by which a file is read came of discovery, not of the file. */
function isPlainLocation({ entityRef, isRoot }: EntityOutcome): boolean {
  return isRoot && entityRef.startsWith('location:');
}

/** A failure of the database begins with the statement, which tells people nothing. */
function withoutStatement(error: unknown): string {
  return String(error).split(' - ').at(-1) ?? '';
}
