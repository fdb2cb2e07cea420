/**
 * Reads from the catalog's own tables what became of the provider's entities: which
 * entities the catalog made from them, and which errors it reports. The catalog does not
 * show an entity that was never valid, so its errors are available nowhere else.
 *
 * @remarks Table and column names: catalog-backend 4.0.5, unchanged since its first
 * releases.
 */

import type { Knex } from 'knex';
import { z } from 'zod';
import { isReadError } from '../discovery/catalogErrors';
import { yieldToEventLoop } from '../util/clock';
import { sha256 } from '../util/text';
import { CatalogEntityState, providerEntityRefs, readStates } from './catalogState';
import { toChunks, DiscoveryDatabase } from './DiscoveryDatabase';
import { isPostgres } from './migrate';
import { ETAG_START, MAX_ETAG_LENGTH, parseEtag, ReadEtag, shortHash } from './readEtag';
import { jsonColumn } from './tables';

/** Entity refs per statement. */
const REFS_PER_STATEMENT = 500;

/**
 * Entity refs per statement that searches for errors in PostgreSQL, which does not block
 * the process: it may read the whole table each time, and returns few rows.
 */
const REFS_PER_SEARCH = 5_000;

/** Maximum number of rows per statement. */
const MAX_ROWS = 5_000;

/** Maximum depth of files that refer to further files. */
const MAX_DEPTH = 10;

/** What the catalog writes if there are no errors. */
const NO_ERRORS = ['', '[]'];

const ErrorsColumn = jsonColumn(
  z.array(z.object({ name: z.string(), message: z.string() })),
);

const OutcomeRow = z.object({
  entity_ref: z.string(),
  /** The parent entity; `undefined` for an entity from the provider. */
  parent_ref: z.string().optional(),
  errors: z.string().nullable(),
  // SQLite has no booleans.
  is_shown: z.coerce.boolean(),
});
type OutcomeRow = z.infer<typeof OutcomeRow>;

const EtagRow = z.object({ entity_ref: z.string(), etag: z.string().nullable() });

const ErrorRow = OutcomeRow.pick({ entity_ref: true, errors: true });

/** The state in the catalog of an entity from a provider, or of one derived from it. */
export interface EntityOutcome {
  /** The entity from the provider. */
  readonly rootRef: string;
  readonly entityRef: string;
  /** Whether it is the entity from the provider itself. */
  readonly isRoot: boolean;
  /** Whether it is visible in the catalog. */
  readonly isShown: boolean;
  /** The errors of the last processing, in the catalog's own words. */
  readonly errors: readonly string[];
}

/** Which outcomes are read. */
interface ReadOutcomesOptions {
  readonly withErrorsOnly?: boolean;
}

/**
 * Reads outcomes; every method throws if the tables do not have the expected structure.
 */
export class CatalogOutcomes {
  readonly #database: DiscoveryDatabase;

  constructor(database: DiscoveryDatabase) {
    this.#database = database;
  }

  /**
   * Reads the outcomes of entities and of all entities derived from them, as far as the
   * catalog has them.
   *
   * @remarks In batches, yielding to the event loop in between. If an entity has more
   * than 5,000 children, only that many are read.
   *
   * @param rootRefs - entity refs of the entities from providers
   */
  async *of(
    rootRefs: readonly string[],
    options: ReadOutcomesOptions = {},
  ): AsyncGenerator<EntityOutcome[]> {
    const knex = await this.#database.connect();
    const size = refsPerStatement(knex, options);
    for (const chunk of toChunks([...new Set(rootRefs)], size)) {
      // Level by level: for a recursive statement PostgreSQL estimates so many rows that
      // it reads whole tables.
      let level: Level = new Map(chunk.map(ref => [ref, new Set([ref])]));
      const seen = new Set<string>();
      const roots = await selectStates(knex, chunk, options);
      yield toOutcomes(roots, level, seen, options);
      for (let depth = 1; level.size > 0 && depth <= MAX_DEPTH; depth += 1) {
        const next: Level = new Map();
        for await (const rows of readChildren(knex, [...level.keys()], options)) {
          yield toOutcomes(rows, level, seen, options, next);
        }
        level = next;
      }
    }
  }

  /**
   * Reads the errors of a provider's entities and of those derived from them; also in
   * batches.
   *
   * @param providerName - the provider's name in the catalog, its source key
   */
  async *readErrors(providerName: string): AsyncGenerator<EntityOutcome[]> {
    const knex = await this.#database.connect();
    const options = { withErrorsOnly: true };
    let waiting: string[] = [];
    for await (const refs of providerEntityRefs(knex, providerName)) {
      waiting.push(...refs);
      if (waiting.length >= refsPerStatement(knex, options)) {
        yield* this.of(waiting, options);
        waiting = [];
      }
    }
    yield* this.of(waiting, options);
  }

  /** Reads the state of entities from providers, by entity ref. */
  async given(rootRefs: readonly string[]): Promise<Map<string, CatalogEntityState>> {
    return readStates(await this.#database.connect(), rootRefs);
  }

  /**
   * Finds the files of a provider that the catalog could not read at its last attempt,
   * for any reason.
   *
   * @param providerName - the provider's name in the catalog, its source key
   * @returns the targets of their Locations
   */
  async unreadableTargets(providerName: string): Promise<Set<string>> {
    const knex = await this.#database.connect();
    const targets = new Set<string>();
    for await (const refs of providerEntityRefs(knex, providerName)) {
      const rows: unknown[] = await knex('refresh_state')
        .whereIn('entity_ref', refs)
        .whereNotIn('errors', NO_ERRORS)
        .select('entity_ref', 'errors');
      const unreadable = rows.flatMap(row => {
        const { entity_ref: ref, errors } = ErrorRow.parse(row);
        return parseErrors(errors).some(isReadError) ? [ref] : [];
      });
      for (const { sourceUrl } of (await readStates(knex, unreadable)).values()) {
        if (sourceUrl !== undefined) {
          targets.add(sourceUrl);
        }
      }
    }
    return targets;
  }

  /**
   * Returns when files were last read successfully with the URL reader of this package.
   * The time is in the etags that the catalog stores for content that it could use.
   *
   * @param urls - by the entity refs of their Locations
   * @returns epoch milliseconds by URL
   */
  async lastReads(urls: ReadonlyMap<string, string>): Promise<Map<string, number>> {
    const knex = await this.#database.connect();
    const reads = new Map<string, number>();
    // The rest of the column is the whole content that was read.
    const etag = knex.raw(
      `substr(cache, ${isPostgres(knex) ? 'strpos' : 'instr'}(cache, ?), ?) as etag`,
      [ETAG_START, MAX_ETAG_LENGTH],
    );
    for (const chunk of toChunks([...urls.keys()], REFS_PER_STATEMENT)) {
      const rows: unknown[] = await knex('refresh_state')
        .whereIn('entity_ref', chunk)
        .select('entity_ref', etag);
      for (const row of rows) {
        const { entity_ref: ref, etag: text } = EtagRow.parse(row);
        const url = urls.get(ref);
        const read = parseEtag(text?.split('"', 1)[0]);
        if (url !== undefined && read && isFoundAt(url, read)) {
          reads.set(url, read.readAtMs);
        }
      }
      await yieldToEventLoop();
    }
    return reads;
  }
}

function isFoundAt(url: string, { content, urlHash }: ReadEtag): boolean {
  return content !== 'absent' && urlHash === shortHash(sha256(url));
}

function refsPerStatement(knex: Knex, { withErrorsOnly }: ReadOutcomesOptions): number {
  return withErrorsOnly && isPostgres(knex) ? REFS_PER_SEARCH : REFS_PER_STATEMENT;
}

/** Root refs by the entity ref that is derived from them. */
type Level = Map<string, Set<string>>;

/** Reads children in batches, yielding to the event loop in between. */
async function* readChildren(
  knex: Knex,
  parentRefs: readonly string[],
  options: ReadOutcomesOptions,
): AsyncGenerator<OutcomeRow[]> {
  const waiting = toChunks(parentRefs, refsPerStatement(knex, options)).reverse();
  for (let chunk = waiting.pop(); chunk; chunk = waiting.pop()) {
    const rows = await selectChildren(knex, chunk, options);
    if (rows.length >= MAX_ROWS && chunk.length > 1) {
      waiting.push(...toChunks(chunk, Math.ceil(chunk.length / 2)).reverse());
    } else {
      yield rows;
    }
    await yieldToEventLoop();
  }
}

function selectStates(
  knex: Knex,
  refs: readonly string[],
  { withErrorsOnly }: ReadOutcomesOptions,
): Promise<OutcomeRow[]> {
  const states = knex('refresh_state as state').whereIn('state.entity_ref', refs);
  if (withErrorsOnly) {
    states.whereNotIn('state.errors', NO_ERRORS);
  }
  return readOutcomeRows(knex, states);
}

function selectChildren(
  knex: Knex,
  parentRefs: readonly string[],
  { withErrorsOnly }: ReadOutcomesOptions,
): Promise<OutcomeRow[]> {
  const children = knex('refresh_state_references as edge')
    .whereIn('edge.source_entity_ref', parentRefs)
    .join('refresh_state as state', 'state.entity_ref', 'edge.target_entity_ref')
    .select('edge.source_entity_ref as parent_ref')
    .limit(MAX_ROWS);
  if (withErrorsOnly) {
    // An entity without errors may have children with errors.
    const further = knex('refresh_state_references as further')
      .select(knex.raw('1'))
      .where('further.source_entity_ref', knex.ref('edge.target_entity_ref'));
    children.where(wanted => {
      wanted.whereNotIn('state.errors', NO_ERRORS).orWhereExists(further);
    });
  }
  return readOutcomeRows(knex, children);
}

async function readOutcomeRows(
  knex: Knex,
  query: Knex.QueryBuilder,
): Promise<OutcomeRow[]> {
  const rows: unknown[] = await query
    .leftJoin('final_entities as final', 'final.entity_id', 'state.entity_id')
    .select('state.entity_ref', 'state.errors')
    .select(
      knex.raw('case when final.final_entity is null then 0 else 1 end as is_shown'),
    );
  return rows.map(row => OutcomeRow.parse(row));
}

/**
 * Converts rows to outcomes, for each root that they are derived from.
 *
 * @param level - the entities of the rows, or their parents, with their roots
 * @param seen - outcomes already returned for each root: files may refer to each other in
 * a circle
 * @param next - receives the entities of this level
 */
function toOutcomes(
  rows: readonly OutcomeRow[],
  level: Level,
  seen: Set<string>,
  { withErrorsOnly }: ReadOutcomesOptions,
  next?: Level,
): EntityOutcome[] {
  return rows.flatMap(row => {
    const { entity_ref: entityRef, parent_ref: parentRef } = row;
    const errors = parseErrors(row.errors);
    return [...(level.get(parentRef ?? entityRef) ?? [])].flatMap(rootRef => {
      const key = JSON.stringify([rootRef, entityRef]);
      if (seen.has(key)) {
        return [];
      }
      seen.add(key);
      next?.set(entityRef, (next.get(entityRef) ?? new Set()).add(rootRef));
      return withErrorsOnly && errors.length === 0
        ? []
        : [{ rootRef, entityRef, isRoot: !parentRef, isShown: row.is_shown, errors }];
    });
  });
}

/**
 * Formats errors as the catalog shows them on an entity; an unreadable column counts as
 * no errors.
 */
function parseErrors(json: string | null): string[] {
  if (json === null || NO_ERRORS.includes(json)) {
    return [];
  }
  const { data = [] } = ErrorsColumn.safeParse(json);
  return data.map(({ name, message }) => `${name}: ${message}`);
}
