/**
 * Reads from the catalog's own tables who holds which entity: the catalog has no API for
 * it.
 *
 * @remarks Table and column names: catalog-backend 4.0.0, unchanged since its first
 * releases.
 */

import type { Knex } from 'knex';
import { ANNOTATION_LOCATION } from '@backstage/catalog-model';
import { z } from 'zod';
import { RepositoryAddress } from '../model';
import { ANNOTATION_PROJECT_KEY, ANNOTATION_REPO_SLUG } from '../util/annotations';
import { yieldToEventLoop } from '../util/clock';
import { urlOfLocationKey } from '../util/parseUrls';
import { toChunks } from './DiscoveryDatabase';
import { jsonColumn } from './tables';

/** Names per statement, so that a few statements cover all entities of a provider. */
const NAMES_PER_STATEMENT = 500;

/** Number of refs to read before yielding to the event loop. */
const REFS_PER_PAGE = 1_000;

/** An entity as the catalog processes it. */
export interface CatalogEntityState {
  readonly entityRef: string;
  /** The owner; `undefined` if any side may take it over. */
  readonly locationKey?: string;
  /** Changes with the result of processing it. */
  readonly resultHash?: string;
  /** The URL from which it was read. */
  readonly sourceUrl?: string;
  /** The repository named in its annotations, if any. */
  readonly address?: RepositoryAddress;
}

const StateRow = z.object({
  entity_ref: z.string(),
  location_key: z.string().nullish(),
  result_hash: z.string().nullish(),
  unprocessed_entity: z.string().nullish(),
});

const Annotated = jsonColumn(
  z.object({ metadata: z.object({ annotations: z.record(z.string(), z.unknown()) }) }),
);
const Stated = z.object({
  [ANNOTATION_PROJECT_KEY]: z.string().min(1),
  [ANNOTATION_REPO_SLUG]: z.string().min(1),
});

/** PostgreSQL returns counts as strings. */
const CountRow = z.object({ source_key: z.string(), count: z.coerce.number() });

const ReferenceRow = z.object({
  id: z.coerce.number(),
  target_entity_ref: z.string(),
});

const LocationRow = z.object({ target: z.string() });

/** Which entities are read, and how. */
export interface ReadStatesOptions {
  /** Reads only those held by a side other than the one with this location key. */
  readonly heldByOthersThan?: string;
  /** Waits for concurrent writers of these entities. */
  readonly waitForWriters?: boolean;
}

/** Reads the existing entities, by ref. */
export async function readStates(
  knex: Knex,
  entityRefs: readonly string[],
  { heldByOthersThan, waitForWriters }: ReadStatesOptions = {},
): Promise<Map<string, CatalogEntityState>> {
  const states = new Map<string, CatalogEntityState>();
  for (const chunk of toChunks([...new Set(entityRefs)], NAMES_PER_STATEMENT)) {
    const query = knex('refresh_state')
      .whereIn('entity_ref', chunk)
      .select('entity_ref', 'location_key', 'result_hash', 'unprocessed_entity');
    if (heldByOthersThan !== undefined) {
      // Excludes entities without a location key, which any side may take over.
      query.whereNot('location_key', heldByOthersThan);
    }
    const rows: unknown[] = await (waitForWriters ? query.forShare() : query);
    rows.map(parseStateRow).forEach(state => states.set(state.entityRef, state));
  }
  return states;
}

/**
 * Returns whether one of the entities, which must all exist, is an orphan.
 *
 * @remarks Nothing claims an orphan any more, and the catalog deletes it within about 30
 * seconds, unless `catalog.orphanStrategy` says otherwise.
 */
export async function isAnyOrphaned(
  knex: Knex,
  entityRefs: readonly string[],
): Promise<boolean> {
  for (const chunk of toChunks([...new Set(entityRefs)], NAMES_PER_STATEMENT)) {
    const claimed: unknown[] = await knex('refresh_state_references')
      .whereIn('target_entity_ref', chunk)
      .distinct('target_entity_ref');
    if (claimed.length < chunk.length) {
      return true;
    }
  }
  return false;
}

/** Returns those of the URLs that are registered locations. */
export async function readRegisteredUrls(
  knex: Knex,
  urls: readonly string[],
): Promise<Set<string>> {
  const registered = new Set<string>();
  for (const chunk of toChunks([...new Set(urls)], NAMES_PER_STATEMENT)) {
    const rows: unknown[] = await knex('locations')
      .where('type', 'url')
      .whereIn('target', chunk)
      .select('target');
    rows.forEach(row => registered.add(LocationRow.parse(row).target));
  }
  return registered;
}

const ParentRow = z.object({ source_entity_ref: z.string() });

/** Limit for nested files; also ends a circle. */
const MAX_ANCESTORS = 50;

const Sources = z.object({
  spec: z
    .object({ target: z.string().optional(), targets: z.array(z.string()).optional() })
    .optional()
    .catch(undefined),
});

/**
 * Returns the URLs from which an entity is made, which the catalog reads again when the
 * entity is refreshed: its own, and those of the Locations that lead to it.
 */
export async function readSourceUrls(knex: Knex, entityRef: string): Promise<string[]> {
  const refs = new Set([entityRef]);
  let above = [entityRef];
  while (above.length > 0 && refs.size < MAX_ANCESTORS) {
    const rows: unknown[] = await knex('refresh_state_references')
      .whereIn('target_entity_ref', above)
      .whereNotNull('source_entity_ref')
      .distinct('source_entity_ref');
    above = rows
      .map(row => ParentRow.parse(row).source_entity_ref)
      .filter(ref => !refs.has(ref));
    above.forEach(ref => refs.add(ref));
  }
  const rows: unknown[] = await knex('refresh_state')
    .whereIn('entity_ref', [...refs])
    .select('entity_ref', 'unprocessed_entity');
  return [...new Set(rows.flatMap(getSourceUrls))];
}

const RefreshKeyRow = z.object({ key: z.string() });

/** No repository has more files than this. */
const MAX_KEYS = 1_000;

/**
 * Returns the URLs below a given one from which the catalog has read anything.
 *
 * @param url - without a trailing slash
 */
export async function readUrlsBelow(knex: Knex, url: string): Promise<string[]> {
  const rows: unknown[] = await knex('refresh_keys')
    // Wildcard characters in the URL only match more than needed.
    .whereLike('key', `url:${url}/%`)
    .limit(MAX_KEYS)
    .distinct('key');
  return rows.map(row => RefreshKeyRow.parse(row).key.replace(/^url:/, ''));
}

function getSourceUrls(row: unknown): string[] {
  const { unprocessed_entity: json } = StateRow.parse(row);
  const { target, targets = [] } = jsonColumn(Sources).safeParse(json).data?.spec ?? {};
  return [parseStateRow(row).sourceUrl, target, ...targets].flatMap(url => url ?? []);
}

/**
 * Counts the entities that the catalog has from each provider.
 *
 * @param prefix - of the providers' names, their source keys
 * @returns by name; empty if the tables do not exist yet
 */
export async function countByProvider(
  knex: Knex,
  prefix: string,
): Promise<Map<string, number>> {
  if (!(await knex.schema.hasTable('refresh_state_references'))) {
    return new Map();
  }
  const rows: unknown[] = await knex('refresh_state_references')
    .whereLike('source_key', `${prefix}%`)
    .groupBy('source_key')
    .orderBy('source_key')
    .select('source_key')
    .count({ count: '*' });
  return new Map(
    rows.map(row => {
      const { source_key: name, count } = CountRow.parse(row);
      return [name, count];
    }),
  );
}

/** Returns whether the catalog has anything from a provider besides its anchor. */
export async function hasEntities(knex: Knex, providerName: string): Promise<boolean> {
  const rows: unknown[] = await knex('refresh_state_references')
    .where('source_key', providerName)
    .limit(2)
    .select('target_entity_ref');
  return rows.length > 1;
}

/**
 * Reads the refs of all entities from a provider, page by page.
 *
 * @param providerName - the provider's name in the catalog, its source key
 */
export async function* providerEntityRefs(
  knex: Knex,
  providerName: string,
): AsyncGenerator<string[]> {
  let lastId = -1;
  for (;;) {
    const rows: unknown[] = await knex('refresh_state_references')
      .where('source_key', providerName)
      .where('id', '>', lastId)
      .orderBy('id')
      .limit(REFS_PER_PAGE)
      .select('id', 'target_entity_ref');
    const references = rows.map(row => ReferenceRow.parse(row));
    yield references.map(reference => reference.target_entity_ref);
    if (references.length < REFS_PER_PAGE) {
      return;
    }
    lastId = references.at(-1)?.id ?? lastId;
    await yieldToEventLoop();
  }
}

/** @throws an error if the row does not have the catalog's format */
function parseStateRow(row: unknown): CatalogEntityState {
  const parsed = StateRow.parse(row);
  const entity = Annotated.safeParse(parsed.unprocessed_entity).data;
  const annotations = entity?.metadata.annotations ?? {};
  const source = annotations[ANNOTATION_LOCATION];
  const sourceUrl = typeof source === 'string' ? urlOfLocationKey(source) : undefined;
  const address = statedAddress(annotations);
  return {
    entityRef: parsed.entity_ref,
    ...(parsed.location_key && { locationKey: parsed.location_key }),
    ...(parsed.result_hash && { resultHash: parsed.result_hash }),
    ...(sourceUrl !== undefined && { sourceUrl }),
    ...(address && { address }),
  };
}

/**
 * Returns the repository that an entity names. An entity made by a location parser may
 * name any URL as its source, so that URL does not tell.
 */
export function statedAddress(
  annotations: Readonly<Record<string, unknown>>,
): RepositoryAddress | undefined {
  const { data } = Stated.safeParse(annotations);
  return (
    data && { projectKey: data[ANNOTATION_PROJECT_KEY], slug: data[ANNOTATION_REPO_SLUG] }
  );
}
