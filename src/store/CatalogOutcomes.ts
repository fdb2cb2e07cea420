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
import { chunksOf, DiscoveryDatabase } from './DiscoveryDatabase';
import { jsonColumn } from './tables';

/** Of one statement: it walks from each of them to all that came of it. */
const ROOTS_PER_STATEMENT = 200;

/** Of one statement's answer. */
const MAX_ROWS = 5_000;

/** A file that names others that name others: nobody goes further. It also ends circles. */
const MAX_DEPTH = 10;

/** What the catalog writes where there are none. */
const NO_ERRORS = ['', '[]'];

const ErrorsColumn = jsonColumn(
  z.array(z.object({ name: z.string(), message: z.string() })),
);

const OutcomeRow = z.object({
  root_ref: z.string(),
  entity_ref: z.string(),
  depth: z.coerce.number(),
  errors: z.string().nullable(),
  // SQLite has no truth values.
  is_shown: z.coerce.boolean(),
});

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
   * @remarks In batches, between which others get their turn. Of one root with more than
   * 5,000 descendants, only so many.
   *
   * @param rootRefs - entity refs of what providers gave
   */
  async *of(
    rootRefs: readonly string[],
    options: ReadOutcomesOptions = {},
  ): AsyncGenerator<EntityOutcome[]> {
    const knex = await this.#database.connect();
    const waiting = chunksOf([...new Set(rootRefs)], ROOTS_PER_STATEMENT).reverse();
    for (let some = waiting.pop(); some; some = waiting.pop()) {
      const rows: unknown[] = await selectOutcomes(knex, some, options);
      if (rows.length >= MAX_ROWS && some.length > 1) {
        waiting.push(...chunksOf(some, Math.ceil(some.length / 2)).reverse());
      } else {
        yield rows.map(parseOutcome);
      }
      await yieldToEventLoop();
    }
  }

  /**
   * Where a provider's entities went wrong, what came of them included; in batches, too.
   *
   * @param providerName - the provider's name in the catalog, its source key
   */
  async *errorsOf(providerName: string): AsyncGenerator<EntityOutcome[]> {
    const knex = await this.#database.connect();
    for await (const refs of providerEntityRefs(knex, providerName)) {
      yield* this.of(refs, { withErrorsOnly: true });
    }
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
}

/** From each root along the edges on which the catalog keeps what came of what. */
function selectOutcomes(
  knex: Knex,
  rootRefs: readonly string[],
  { withErrorsOnly }: ReadOutcomesOptions,
) {
  // The same type as that of references, or PostgreSQL refuses to put both into one column.
  const ref = knex.raw('cast(entity_ref as text)');
  const query = knex
    .withRecursive('given', ['root_ref', 'entity_ref', 'depth'], given =>
      given
        .select(ref, ref, knex.raw('0'))
        .from('refresh_state')
        .whereIn('entity_ref', rootRefs)
        .union([
          knex('given')
            .select('given.root_ref', 'edge.target_entity_ref', knex.raw('depth + 1'))
            .join('refresh_state_references as edge', {
              'edge.source_entity_ref': 'given.entity_ref',
            })
            .where('depth', '<', MAX_DEPTH),
        ]),
    )
    .from('given')
    .join('refresh_state as state', 'state.entity_ref', 'given.entity_ref')
    .leftJoin('final_entities as final', 'final.entity_id', 'state.entity_id')
    .select('given.root_ref', 'given.entity_ref', 'given.depth', 'state.errors')
    .select(
      knex.raw('case when final.final_entity is null then 0 else 1 end as is_shown'),
    )
    .limit(MAX_ROWS);
  return withErrorsOnly ? query.whereNotIn('state.errors', NO_ERRORS) : query;
}

/** @throws an error when the row is not as the catalog writes it */
function parseOutcome(row: unknown): EntityOutcome {
  const parsed = OutcomeRow.parse(row);
  return {
    rootRef: parsed.root_ref,
    entityRef: parsed.entity_ref,
    isRoot: parsed.depth === 0,
    isShown: parsed.is_shown,
    errors: parseErrors(parsed.errors),
  };
}

/** As the catalog shows them on an entity; what cannot be read tells nothing. */
function parseErrors(json: string | null): string[] {
  const { data = [] } = ErrorsColumn.safeParse(json);
  return data.map(({ name, message }) => `${name}: ${message}`);
}
