/**
 * What became in the catalog of what it was given: which entities it made of it and what it
 * says went wrong, read from its own tables. It shows no entity that has never been right,
 * so that errors of such a one are to be found nowhere else.
 *
 * @remarks Table and column names: catalog-backend 4.0.5, unchanged since its first releases.
 */

import type { Knex } from 'knex';
import { z } from 'zod';
import { isReadError } from '../discovery/catalogErrors';
import { yieldToEventLoop } from '../util/clock';
import { CatalogEntityState, providerEntityRefs, readStates } from './catalogState';
import { toChunks, DiscoveryDatabase } from './DiscoveryDatabase';
import { isPostgres } from './migrate';
import { ETAG_START, MAX_ETAG_LENGTH, parseEtag, ReadEtag, shortHash } from './readEtag';
import { sha256, jsonColumn } from './tables';

/** Of one statement. */
const REFS_PER_STATEMENT = 500;

/**
 * Of one that looks for errors in PostgreSQL, which holds up nobody meanwhile: it may read the
 * whole table each time, and answers with few rows.
 */
const REFS_PER_SEARCH = 5_000;

/** Of one statement's answer. */
const MAX_ROWS = 5_000;

/** A file that names others that name others: nobody goes further. */
const MAX_DEPTH = 10;

/** What the catalog writes where there are none. */
const NO_ERRORS = ['', '[]'];

const ErrorsColumn = jsonColumn(
  z.array(z.object({ name: z.string(), message: z.string() })),
);

const OutcomeRow = z.object({
  entity_ref: z.string(),
  /** What it came of; `undefined` of what the catalog was given. */
  parent_ref: z.string().optional(),
  errors: z.string().nullable(),
  // SQLite has no truth values.
  is_shown: z.coerce.boolean(),
});
type OutcomeRow = z.infer<typeof OutcomeRow>;

const EtagRow = z.object({ entity_ref: z.string(), etag: z.string().nullable() });

const ErrorRow = OutcomeRow.pick({ entity_ref: true, errors: true });

/** What the catalog made of something it was given, or of what came of that. */
export interface EntityOutcome {
  /** What it was given: an entity of a provider. */
  readonly rootRef: string;
  readonly entityRef: string;
  /** It is what the catalog was given itself. */
  readonly isRoot: boolean;
  /** People see it in the catalog. */
  readonly isShown: boolean;
  /** What the catalog says went wrong when it processed it last, in its own words. */
  readonly errors: readonly string[];
}

/** Which of them are read. */
interface ReadOutcomesOptions {
  readonly withErrorsOnly?: boolean;
}

/** Reads; every method throws when the tables are not as they are known to be. */
export class CatalogOutcomes {
  readonly #database: DiscoveryDatabase;

  constructor(database: DiscoveryDatabase) {
    this.#database = database;
  }

  /**
   * What became of entities and of all that came of them, as far as the catalog has them.
   *
   * @remarks In batches, between which others get their turn. Of what has more than 5,000
   * children, only so many.
   *
   * @param rootRefs - entity refs of what providers gave
   */
  async *of(
    rootRefs: readonly string[],
    options: ReadOutcomesOptions = {},
  ): AsyncGenerator<EntityOutcome[]> {
    const knex = await this.#database.connect();
    const size = refsPerStatement(knex, options);
    for (const some of toChunks([...new Set(rootRefs)], size)) {
      // Level by level: of a recursive statement PostgreSQL expects so much that it reads
      // whole tables for it.
      let level: Level = new Map(some.map(ref => [ref, new Set([ref])]));
      const seen = new Set<string>();
      const roots = await selectStates(knex, some, options);
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
   * Where a provider's entities went wrong, what came of them included; in batches, too.
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

  /** What the catalog was given, by entity refs. */
  async given(rootRefs: readonly string[]): Promise<Map<string, CatalogEntityState>> {
    return readStates(await this.#database.connect(), rootRefs);
  }

  /**
   * Which files of a provider the catalog could not read when it last tried, whatever kept
   * it from that.
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
   * When files were last read through the URL reader of this package, and found: that is
   * in the etags which the catalog keeps of what it could use.
   *
   * @param urls - by the entity refs of their Locations
   * @returns epoch milliseconds by URL
   */
  async lastReads(urls: ReadonlyMap<string, string>): Promise<Map<string, number>> {
    const knex = await this.#database.connect();
    const reads = new Map<string, number>();
    // The rest of the column is all that was read.
    const etag = knex.raw(
      `substr(cache, ${isPostgres(knex) ? 'strpos' : 'instr'}(cache, ?), ?) as etag`,
      [ETAG_START, MAX_ETAG_LENGTH],
    );
    for (const some of toChunks([...urls.keys()], REFS_PER_STATEMENT)) {
      const rows: unknown[] = await knex('refresh_state')
        .whereIn('entity_ref', some)
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

/** By ref, of which roots it came. */
type Level = Map<string, Set<string>>;

/** In batches, between which others get their turn. */
async function* readChildren(
  knex: Knex,
  parentRefs: readonly string[],
  options: ReadOutcomesOptions,
): AsyncGenerator<OutcomeRow[]> {
  const waiting = toChunks(parentRefs, refsPerStatement(knex, options)).reverse();
  for (let some = waiting.pop(); some; some = waiting.pop()) {
    const rows = await selectChildren(knex, some, options);
    if (rows.length >= MAX_ROWS && some.length > 1) {
      waiting.push(...toChunks(some, Math.ceil(some.length / 2)).reverse());
    } else {
      yield rows;
    }
    await yieldToEventLoop();
  }
}

async function selectStates(
  knex: Knex,
  refs: readonly string[],
  { withErrorsOnly }: ReadOutcomesOptions,
): Promise<OutcomeRow[]> {
  const states = knex('refresh_state as state').whereIn('state.entity_ref', refs);
  if (withErrorsOnly) {
    states.whereNotIn('state.errors', NO_ERRORS);
  }
  const rows = await withFinalEntities(knex, states);
  return rows.map(row => OutcomeRow.parse(row));
}

async function selectChildren(
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
    // What has children may be without errors while they are not.
    const further = knex('refresh_state_references as further')
      .select(knex.raw('1'))
      .where('further.source_entity_ref', knex.ref('edge.target_entity_ref'));
    children.where(wanted => {
      wanted.whereNotIn('state.errors', NO_ERRORS).orWhereExists(further);
    });
  }
  const rows = await withFinalEntities(knex, children);
  return rows.map(row => OutcomeRow.parse(row));
}

function withFinalEntities(knex: Knex, query: Knex.QueryBuilder): PromiseLike<unknown[]> {
  return query
    .leftJoin('final_entities as final', 'final.entity_id', 'state.entity_id')
    .select('state.entity_ref', 'state.errors')
    .select(
      knex.raw('case when final.final_entity is null then 0 else 1 end as is_shown'),
    );
}

/**
 * What rows tell, for each root that they came of.
 *
 * @param level - what they are, or came of
 * @param seen - what was told of each root already: files may name each other in a circle
 * @param next - gets what is there now
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

/** As the catalog shows them on an entity; what cannot be read tells nothing. */
function parseErrors(json: string | null): string[] {
  if (json === null || NO_ERRORS.includes(json)) {
    return [];
  }
  const { data = [] } = ErrorsColumn.safeParse(json);
  return data.map(({ name, message }) => `${name}: ${message}`);
}
