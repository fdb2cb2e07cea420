/**
 * Stores which entities two sides claim, shared by all replicas. Conflicts about
 * Locations are stored with the provider whose run detected them. Those about entities
 * have a table, since the catalog reports them only once and does not store them.
 * Whenever conflicts are read, they are checked against the catalog's own tables.
 */

import type { Knex } from 'knex';
import { z } from 'zod';
import {
  CatalogEntityState,
  isAnyOrphaned,
  readRegisteredUrls,
  readStates,
} from '../store/catalogState';
import { toChunks, DiscoveryDatabase } from '../store/DiscoveryDatabase';
import { jsonColumn, PROVIDERS } from '../store/tables';
import { Clock } from '../util/clock';
import { urlOfLocationKey } from '../util/parseUrls';
import { sha256, storableText } from '../util/text';
import { ConflictSide, ProviderIds, RecordedConflict } from './describeConflicts';

const CONFLICTS = 'bitbucket_server_discovery_conflicts';

/**
 * Maximum number of entity conflicts, the most recent ones; a longer list is of no use to
 * people.
 */
export const MAX_ENTITY_CONFLICTS = 1_000;

/**
 * An entity that the catalog read from a file and refused, since another side holds it.
 */
export interface RefusedEntity {
  readonly entityRef: string;
  /** The URL of the file. */
  readonly targetUrl: string;
  /** Location key of the side that holds it. */
  readonly holderKey: string;
}

/**
 * An entity that the catalog refused to take from a file and that no side holds any more.
 */
export interface ReleasedEntity extends Omit<RefusedEntity, 'holderKey'> {
  /** Location key of the Location by which the catalog reads the file. */
  readonly locationKey?: string;
}

/** Entities that may have to be read again. */
export interface ReleasedEntities {
  readonly released: readonly ReleasedEntity[];
  /** Whether another entity is orphaned, so that the catalog is about to delete it. */
  readonly areMoreToCome: boolean;
}

/** Dependencies of the store. */
export interface ConflictStoreOptions {
  /** The providers of this configuration. */
  readonly providers: ProviderIds;
  /** Returns the entity ref of the Location by which the catalog reads a URL. */
  readonly locationRef: (targetUrl: string) => string;
  readonly clock: Pick<Clock, 'now'>;
}

const Side = z.object({ locationKey: z.string(), targetUrl: z.string().optional() });
const ProviderRow = z.object({
  conflicts: jsonColumn(
    z.array(z.object({ entityRef: z.string(), refused: Side, holder: Side })),
  ).catch([]),
});

const EntityRow = z.object({
  conflict_hash: z.string(),
  entity_ref: z.string(),
  refused_target: z.string(),
  holder_key: z.string(),
  holder_target: z.string().nullable(),
  result_hash: z.string(),
});
type EntityRow = z.infer<typeof EntityRow>;

/** Stores in the catalog's database. */
export class ConflictStore {
  constructor(
    private readonly database: DiscoveryDatabase,
    private readonly options: ConflictStoreOptions,
  ) {}

  /**
   * Detects, after a run, which of the emitted entities other sides hold; replaces the
   * stored conflicts of the provider. Deletes conflicts that are resolved.
   */
  async recordRun(
    providerId: string,
    locationKey: string,
    emitted: AsyncIterable<readonly EmittedEntity[]>,
  ): Promise<void> {
    const knex = await this.database.connect();
    const { resolved } = await this.#judgeEntities(knex);
    const conflicts: RecordedConflict[] = [];
    for await (const batch of emitted) {
      const storable = batch.map(entity => ({
        ...entity,
        entityRef: storableText(entity.entityRef),
        targetUrl: storableText(entity.targetUrl),
      }));
      conflicts.push(...(await detectLocationConflicts(knex, locationKey, storable)));
      if (conflicts.length >= MAX_LOCATION_CONFLICTS) {
        break;
      }
    }
    const kept = JSON.stringify(conflicts.slice(0, MAX_LOCATION_CONFLICTS));
    await knex(PROVIDERS).where('provider_id', providerId).update({ conflicts: kept });
    await forget(knex, resolved);
  }

  /**
   * Stores entities that the catalog reported as refused, if one of the two sides is a
   * provider of this configuration.
   */
  async recordRefused(claims: readonly RefusedEntity[]): Promise<void> {
    const knex = await this.database.connect();
    const { clock, locationRef, providers } = this.options;
    const refused = claims.map(entity => ({
      entityRef: storableText(entity.entityRef),
      targetUrl: storableText(entity.targetUrl),
      holderKey: storableText(entity.holderKey),
    }));
    const holders = refused.flatMap(claim => urlOfLocationKey(claim.holderKey) ?? []);
    const urls = [...refused.map(claim => claim.targetUrl), ...holders];
    // The catalog reports a conflict before it has written the result of processing the
    // file.
    const files = await readStates(knex, urls.map(locationRef), { waitForWriters: true });
    const entities = await readStates(
      knex,
      refused.map(claim => claim.entityRef),
    );
    const claimed = await this.#claimedUrls(knex, urls, files);
    const rows = refused
      .map(conflict => ({
        ...toEntityRow(conflict, entities.get(conflict.entityRef)),
        result_hash: files.get(locationRef(conflict.targetUrl))?.resultHash ?? '',
        seen_at_ms: clock.now(),
      }))
      .filter(
        row =>
          claimed.has(row.refused_target) ||
          claimed.has(row.holder_target ?? '') ||
          providers.has(row.holder_key),
      );
    // A statement that inserts a row twice fails.
    const unique = new Map(rows.map(row => [row.conflict_hash, row]));
    for (const chunk of toChunks([...unique.values()])) {
      await knex(CONFLICTS).insert(chunk).onConflict('conflict_hash').merge();
    }
    await forgetOldest(knex);
  }

  /** Loads the conflicts that still exist, in a stable order. */
  async load(): Promise<RecordedConflict[]> {
    const knex = await this.database.connect();
    const entities = await this.#judgeEntities(knex);
    const recorded = await this.#readLocationConflicts(knex);
    const states = await readStates(
      knex,
      recorded.map(conflict => conflict.entityRef),
    );
    const registered = await readRegisteredUrls(knex, getRegisteredUrls(recorded));
    const locations = recorded.filter(
      conflict =>
        states.get(conflict.entityRef)?.locationKey === conflict.holder.locationKey &&
        getRegisteredUrls([conflict]).every(url => registered.has(url)),
    );
    return [...locations, ...entities.standing];
  }

  /** Finds the refused entities that no side holds any more. */
  async findReleased(): Promise<ReleasedEntities> {
    const knex = await this.database.connect();
    const { standing, states } = await this.#judgeEntities(knex);
    const released = standing.filter(conflict => conflict.isReleased);
    const held = standing.filter(conflict => !conflict.isReleased);
    return {
      released: released.map(({ entityRef, refused: { targetUrl = '' } }) => ({
        entityRef,
        targetUrl,
        locationKey: states.get(this.options.locationRef(targetUrl))?.locationKey,
      })),
      areMoreToCome: await isAnyOrphaned(
        knex,
        held.map(conflict => conflict.entityRef),
      ),
    };
  }

  /**
   * Returns the URLs emitted by a provider of this configuration, whether or not the
   * catalog accepted its Location.
   */
  async #claimedUrls(
    knex: Knex,
    urls: readonly string[],
    files: ReadonlyMap<string, CatalogEntityState>,
  ): Promise<Set<string>> {
    const { locationRef, providers } = this.options;
    const held = urls.filter(url =>
      providers.has(files.get(locationRef(url))?.locationKey ?? ''),
    );
    const conflicts = await this.#readLocationConflicts(knex);
    const refused = conflicts.flatMap(conflict =>
      providers.has(conflict.refused.locationKey)
        ? (conflict.refused.targetUrl ?? [])
        : [],
    );
    return new Set([...held, ...refused]);
  }

  /** Reads the Location conflicts of the providers of this configuration. */
  async #readLocationConflicts(knex: Knex): Promise<RecordedConflict[]> {
    const rows: unknown[] = await knex(PROVIDERS)
      .whereIn('provider_id', [...this.options.providers.values()])
      .orderBy('provider_id')
      .select('conflicts');
    return rows.flatMap(row =>
      ProviderRow.parse(row).conflicts.map(conflict => ({
        kind: 'location' as const,
        ...conflict,
      })),
    );
  }

  /** Checks stored entity conflicts against the current state of the catalog. */
  async #judgeEntities(knex: Knex) {
    const { locationRef } = this.options;
    const rows: unknown[] = await knex(CONFLICTS)
      .where('kind', 'entity')
      .orderBy('conflict_hash');
    const stored = rows.flatMap(parseEntityRow);
    const states = await readStates(
      knex,
      stored.flatMap(row => [row.entity_ref, locationRef(row.refused_target)]),
    );
    const standing: RecordedConflict[] = [];
    const resolved: EntityRow[] = [];
    for (const row of stored) {
      const file = states.get(locationRef(row.refused_target));
      const now = conflictNow(row, file, states.get(row.entity_ref));
      if (now) {
        standing.push(now);
      } else {
        resolved.push(row);
      }
    }
    return { standing, resolved, states };
  }
}

function toEntityRow(
  { entityRef, holderKey, targetUrl }: RefusedEntity,
  held: CatalogEntityState | undefined,
) {
  const refusedKey = `url:${targetUrl}`;
  const identity = JSON.stringify(['entity', entityRef, refusedKey, targetUrl]);
  return {
    conflict_hash: sha256(identity),
    kind: 'entity',
    entity_ref: entityRef,
    refused_key: refusedKey,
    refused_target: targetUrl,
    holder_key: holderKey,
    holder_target: toSide(holderKey, held).targetUrl ?? null,
  };
}

/**
 * Returns the conflict as it is now: refused as long as the result of processing the file
 * is unchanged, whichever side holds the entity.
 */
function conflictNow(
  row: EntityRow,
  file: CatalogEntityState | undefined,
  entity: CatalogEntityState | undefined,
): RecordedConflict | undefined {
  const targetUrl = row.refused_target;
  const locationKey = `url:${targetUrl}`;
  const isTaken = entity?.locationKey === locationKey;
  if (isTaken || !file || (file.resultHash ?? '') !== row.result_hash) {
    return undefined;
  }
  const refused = { locationKey, targetUrl };
  const conflict = { kind: 'entity' as const, entityRef: row.entity_ref, refused };
  if (entity?.locationKey !== undefined) {
    return { ...conflict, holder: toSide(entity.locationKey, entity) };
  }
  const { holder_key: holderKey, holder_target: holderUrl } = row;
  const holder = { locationKey: holderKey, ...(holderUrl && { targetUrl: holderUrl }) };
  return { ...conflict, holder, isReleased: true };
}

function toSide(
  locationKey: string,
  state: CatalogEntityState | undefined,
): ConflictSide {
  const targetUrl = urlOfLocationKey(locationKey) ?? state?.sourceUrl;
  return { locationKey, ...(targetUrl && { targetUrl }) };
}

/** Returns the URLs that are registered locations and also Locations of our providers. */
function getRegisteredUrls(recorded: readonly RecordedConflict[]): string[] {
  return recorded.flatMap(
    conflict => urlOfLocationKey(conflict.refused.locationKey) ?? [],
  );
}

/** Deletes conflicts, unless the catalog has reported them again since they were read. */
async function forget(knex: Knex, rows: readonly EntityRow[]): Promise<void> {
  for (const chunk of toChunks(rows)) {
    await knex(CONFLICTS)
      .whereIn(
        ['conflict_hash', 'result_hash'],
        chunk.map(row => [row.conflict_hash, row.result_hash]),
      )
      .delete();
  }
}

async function forgetOldest(knex: Knex): Promise<void> {
  const tooMany: unknown[] = await knex(CONFLICTS)
    .where('kind', 'entity')
    .orderBy([{ column: 'seen_at_ms', order: 'desc' }, { column: 'conflict_hash' }])
    .offset(MAX_ENTITY_CONFLICTS)
    // SQLite accepts an offset only with a limit.
    .limit(MAX_ENTITY_CONFLICTS);
  await forget(knex, tooMany.flatMap(parseEntityRow));
}

/** Parses a row; an unreadable one is ignored. */
function parseEntityRow(row: unknown): EntityRow[] {
  const { data } = EntityRow.safeParse(row);
  return data ? [data] : [];
}

/**
 * Maximum number of Location conflicts per provider; a longer list is of no use to
 * people.
 */
export const MAX_LOCATION_CONFLICTS = 1_000;

/** An entity that a provider emitted. */
export interface EmittedEntity {
  readonly entityRef: string;
  /** The URL of the file it comes from. */
  readonly targetUrl: string;
  /**
   * Whether it is a Location, whose file the catalog reads: the same URL may be a
   * registered location.
   */
  readonly isLocation: boolean;
}

/**
 * Detects the emitted entities that another side holds, or that are registered locations
 * as well.
 */
async function detectLocationConflicts(
  knex: Knex,
  locationKey: string,
  emitted: readonly EmittedEntity[],
): Promise<RecordedConflict[]> {
  const states = await readStates(
    knex,
    emitted.map(entity => entity.entityRef),
    { heldByOthersThan: locationKey },
  );
  const registered = await readRegisteredUrls(
    knex,
    emitted.flatMap(entity => (entity.isLocation ? entity.targetUrl : [])),
  );
  return emitted.flatMap(({ entityRef, isLocation, targetUrl }): RecordedConflict[] => {
    const own = { locationKey, targetUrl };
    const other = states.get(entityRef);
    if (other?.locationKey !== undefined) {
      const { locationKey: holderKey, sourceUrl = targetUrl } = other;
      const holder = { locationKey: holderKey, targetUrl: sourceUrl };
      return [{ kind: 'location', entityRef, refused: own, holder }];
    }
    // The catalog holds it from the provider and only lists the registered location.
    const refused = { locationKey: `url:${targetUrl}`, targetUrl };
    return isLocation && registered.has(targetUrl)
      ? [{ kind: 'location', entityRef, refused, holder: own }]
      : [];
  });
}
