/**
 * Who holds what in the catalog, read from the catalog's own tables: it has no other way to
 * tell it.
 *
 * @remarks Table and column names: catalog-backend 4.0.0, unchanged since its first releases.
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

/** Names per statement: a few questions about all that a provider holds. */
const NAMES_PER_STATEMENT = 500;

/** So many are read before others get their turn. */
const REFS_PER_PAGE = 1_000;

/** An entity as the catalog processes it. */
export interface CatalogEntityState {
  readonly entityRef: string;
  /** Whose it is; `undefined` where anybody may take it over. */
  readonly locationKey?: string;
  /** Changes with what the catalog makes of it. */
  readonly resultHash?: string;
  /** The URL that it was read from. */
  readonly sourceUrl?: string;
  /** The repository that it is of, where it says so. */
  readonly address?: RepositoryAddress;
}

const StateRow = z.object({
  entity_ref: z.string(),
  location_key: z.string().nullish(),
  result_hash: z.string().nullish(),
  unprocessed_entity: z.string().nullish(),
});

const Annotated = z.object({
  metadata: z.object({ annotations: z.record(z.string(), z.unknown()) }),
});
const Stated = z.object({
  [ANNOTATION_PROJECT_KEY]: z.string().min(1),
  [ANNOTATION_REPO_SLUG]: z.string().min(1),
});

/** PostgreSQL gives counts as texts. */
const CountRow = z.object({ source_key: z.string(), count: z.coerce.number() });

const ReferenceRow = z.object({
  id: z.coerce.number(),
  target_entity_ref: z.string(),
});

const LocationRow = z.object({ target: z.string() });

/** Which entities are read, and how. */
export interface ReadStatesOptions {
  /** Only those that another side has than the one with this location key. */
  readonly heldByOthersThan?: string;
  /** Waits for whoever writes one of them at this moment. */
  readonly waitForWriters?: boolean;
}

/** Entities by their refs, as far as there are any. */
export async function readStates(
  knex: Knex,
  entityRefs: readonly string[],
  { heldByOthersThan, waitForWriters }: ReadStatesOptions = {},
): Promise<Map<string, CatalogEntityState>> {
  const states = new Map<string, CatalogEntityState>();
  for (const some of toChunks([...new Set(entityRefs)], NAMES_PER_STATEMENT)) {
    const query = knex('refresh_state')
      .whereIn('entity_ref', some)
      .select('entity_ref', 'location_key', 'result_hash', 'unprocessed_entity');
    if (heldByOthersThan !== undefined) {
      // Where there is no location key, anybody may take it over.
      query.whereNot('location_key', heldByOthersThan);
    }
    const rows: unknown[] = await (waitForWriters ? query.forShare() : query);
    rows.map(parseStateRow).forEach(one => states.set(one.entityRef, one));
  }
  return states;
}

/**
 * Whether one of the entities, which must all exist, is an orphan.
 *
 * @remarks Nothing claims it any more, and the catalog deletes it within about 30 seconds,
 * unless `catalog.orphanStrategy` says otherwise.
 */
export async function isAnyOrphaned(
  knex: Knex,
  entityRefs: readonly string[],
): Promise<boolean> {
  for (const some of toChunks([...new Set(entityRefs)], NAMES_PER_STATEMENT)) {
    const claimed: unknown[] = await knex('refresh_state_references')
      .whereIn('target_entity_ref', some)
      .distinct('target_entity_ref');
    if (claimed.length < some.length) {
      return true;
    }
  }
  return false;
}

/** Those of the URLs that somebody has registered as a location. */
export async function readRegisteredUrls(
  knex: Knex,
  urls: readonly string[],
): Promise<Set<string>> {
  const registered = new Set<string>();
  for (const some of toChunks([...new Set(urls)], NAMES_PER_STATEMENT)) {
    const rows: unknown[] = await knex('locations')
      .where('type', 'url')
      .whereIn('target', some)
      .select('target');
    rows.forEach(row => registered.add(LocationRow.parse(row).target));
  }
  return registered;
}

const ParentRow = z.object({ source_entity_ref: z.string() });

/** Files in files in files; a circle ends here as well. */
const MAX_ANCESTORS = 50;

const Sources = z.object({
  spec: z
    .object({ target: z.string().optional(), targets: z.array(z.string()).optional() })
    .optional()
    .catch(undefined),
});

/**
 * The URLs from which an entity is made: those that the catalog reads anew when the entity
 * is refreshed, its own and those of the Locations that lead to it.
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

/** Of one repository, there are not more files. */
const MAX_KEYS = 1_000;

/**
 * The URLs below another one from which the catalog has read anything.
 *
 * @param url - without a slash at the end
 */
export async function readUrlsBelow(knex: Knex, url: string): Promise<string[]> {
  const rows: unknown[] = await knex('refresh_keys')
    // What it takes for wildcards only has more read.
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
 * How many entities the catalog has from each provider.
 *
 * @param prefix - of the providers' names, their source keys
 * @returns by name; empty where there are no tables yet
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

/** Whether the catalog has anything from a provider, beside the anchor that each has. */
export async function hasEntities(knex: Knex, providerName: string): Promise<boolean> {
  const rows: unknown[] = await knex('refresh_state_references')
    .where('source_key', providerName)
    .limit(2)
    .select('target_entity_ref');
  return rows.length > 1;
}

/**
 * The entity refs of all that the catalog has from a provider, page by page.
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
    yield references.map(one => one.target_entity_ref);
    if (references.length < REFS_PER_PAGE) {
      return;
    }
    lastId = references.at(-1)?.id ?? lastId;
    await yieldToEventLoop();
  }
}

/** @throws an error when the row is not as the catalog writes it */
function parseStateRow(row: unknown): CatalogEntityState {
  const parsed = StateRow.parse(row);
  const annotations = readAnnotations(parsed.unprocessed_entity);
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

function readAnnotations(
  json: string | null | undefined,
): Readonly<Record<string, unknown>> {
  try {
    const entity = Annotated.safeParse(json ? JSON.parse(json) : undefined);
    return entity.data?.metadata.annotations ?? {};
  } catch {
    return {};
  }
}

/** The repository that an entity names; what a location parser made may name any other place as the one it was read from. */
export function statedAddress(
  annotations: Readonly<Record<string, unknown>>,
): RepositoryAddress | undefined {
  const { data } = Stated.safeParse(annotations);
  return (
    data && { projectKey: data[ANNOTATION_PROJECT_KEY], slug: data[ANNOTATION_REPO_SLUG] }
  );
}
