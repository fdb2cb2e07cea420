/** Conflicts in a table of their own, borne out by the catalog's tables whenever they are read. */

import type { Knex } from 'knex';
import { ConflictKind, ConflictSide, RecordedConflict } from './describeConflicts';
import { Clock } from '../util/clock';
import {
  CatalogEntityState,
  isAnyOrphaned,
  readRegisteredUrls,
  readStates,
} from '../store/catalogState';
import { StoredConflict } from './conflictRows';
import {
  ConflictStore,
  GivenEntity,
  RefusedEntity,
  ReleasedEntities,
} from './ConflictStore';
import { forget, forgetOldest, readStored, write } from './conflictTable';
import { DiscoveryDatabase } from '../store/DiscoveryDatabase';
import { findGivenConflicts } from './findGivenConflicts';
import { urlOfLocationKey } from '../util/locationKey';

/** Kept of what one provider gave, and of what was read from files altogether. */
export const MOST_CONFLICTS = 1_000;

/** What the store works with. */
export interface ConflictStoreOptions {
  /** The entity ref of the Location by which the catalog reads a URL. */
  readonly locationRef: (targetUrl: string) => string;
  readonly clock: Pick<Clock, 'now'>;
}

/** Stores in the catalog's database. */
export class DatabaseConflictStore implements ConflictStore {
  readonly #database: DiscoveryDatabase;
  readonly #options: ConflictStoreOptions;

  constructor(database: DiscoveryDatabase, options: ConflictStoreOptions) {
    this.#database = database;
    this.#options = options;
  }

  async compareGiven(
    locationKey: string,
    given: readonly GivenEntity[],
    ownKeys: ReadonlySet<string>,
  ): Promise<void> {
    const knex = await this.#database.connect();
    const conflicts = await findGivenConflicts(knex, locationKey, given);
    const before = await readStored(knex, 'location');
    const outdated = before.filter(one => {
      const claimant = claimantOf(one);
      return claimant === locationKey || !ownKeys.has(claimant);
    });
    const nowMs = this.#options.clock.now();
    await knex.transaction(async transaction => {
      await forget(transaction, outdated);
      await write(transaction, conflicts.slice(0, MOST_CONFLICTS), nowMs);
    });
    await this.#forgetSettled(knex);
  }

  async recordRefused(
    refused: readonly RefusedEntity[],
    ownKeys: ReadonlySet<string>,
  ): Promise<void> {
    const knex = await this.#database.connect();
    const { clock, locationRef } = this.#options;
    const holders = refused.flatMap(one => urlOfLocationKey(one.holderKey) ?? []);
    const urls = [...refused.map(one => one.targetUrl), ...holders];
    // The catalog tells of it before it has written what it made of the file.
    const files = await readStates(knex, urls.map(locationRef), 'wait-for-writers');
    const entities = await readStates(
      knex,
      refused.map(one => one.entityRef),
    );
    const claimed = await this.#claimedUrls(knex, urls, ownKeys, files);
    const found = refused
      .map(one => toRefused(one, files.get(locationRef(one.targetUrl)), entities))
      .filter(
        ({ refused: { targetUrl = '' }, holder }) =>
          claimed.has(targetUrl) ||
          claimed.has(holder.targetUrl ?? '') ||
          ownKeys.has(holder.locationKey),
      );
    await write(knex, found, clock.now());
    await forgetOldest(knex, MOST_CONFLICTS);
  }

  async load(): Promise<RecordedConflict[]> {
    const knex = await this.#database.connect();
    return (await this.#judge(knex)).standing;
  }

  async findReleased(): Promise<ReleasedEntities> {
    const knex = await this.#database.connect();
    const { standing, states } = await this.#judge(knex, 'entity');
    const released = standing.filter(one => one.isReleased);
    const held = standing.filter(one => !one.isReleased);
    return {
      released: released.map(({ entityRef, refused: { targetUrl = '' } }) => ({
        entityRef,
        targetUrl,
        locationKey: states.get(this.#options.locationRef(targetUrl))?.locationKey,
      })),
      areMoreToCome: await isAnyOrphaned(
        knex,
        held.map(one => one.entityRef),
      ),
    };
  }

  /** URLs that a provider of ours gave, whether the catalog took its Location or another one. */
  async #claimedUrls(
    knex: Knex,
    urls: readonly string[],
    ownKeys: ReadonlySet<string>,
    files: ReadonlyMap<string, CatalogEntityState>,
  ): Promise<Set<string>> {
    const { locationRef } = this.#options;
    const held = urls.filter(url =>
      ownKeys.has(files.get(locationRef(url))?.locationKey ?? ''),
    );
    const disputed = (await readStored(knex, 'location')).flatMap(one =>
      ownKeys.has(one.refused.locationKey) ? (one.refused.targetUrl ?? []) : [],
    );
    return new Set([...held, ...disputed]);
  }

  async #forgetSettled(knex: Knex): Promise<void> {
    const { settled } = await this.#judge(knex);
    await forget(knex, settled);
  }

  /** Holds what is kept to what the catalog has now. */
  async #judge(knex: Knex, kind?: ConflictKind): Promise<JudgedConflicts> {
    const stored = await readStored(knex, kind);
    const { locationRef } = this.#options;
    const refs = stored.flatMap(({ kind: of, entityRef, refused }) =>
      of === 'entity' && refused.targetUrl
        ? [entityRef, locationRef(refused.targetUrl)]
        : [entityRef],
    );
    const states = await readStates(knex, refs);
    const urls = stored.flatMap(registeredUrlOf);
    const registered = await readRegisteredUrls(knex, urls);
    const judged = stored.map(one => ({
      one,
      now:
        one.kind === 'entity'
          ? this.#entityConflictNow(one, states)
          : locationConflictNow(one, states, registered),
    }));
    return {
      standing: judged.flatMap(({ now }) => now ?? []),
      settled: judged.flatMap(({ one, now }) => (now ? [] : [one])),
      states,
    };
  }

  /**
   * What was refused stays refused while the catalog makes of the file what it made of it
   * then, whoever has the entity now.
   */
  #entityConflictNow(
    { kind, entityRef, refused, holder, resultHash }: StoredConflict,
    states: ReadonlyMap<string, CatalogEntityState>,
  ): RecordedConflict | undefined {
    const file = states.get(this.#options.locationRef(refused.targetUrl ?? ''));
    const entity = states.get(entityRef);
    const isTaken = entity?.locationKey === refused.locationKey;
    if (!file || file.resultHash !== resultHash || isTaken) {
      return undefined;
    }
    const conflict = { kind, entityRef, refused };
    return entity?.locationKey === undefined
      ? { ...conflict, holder, isReleased: true }
      : { ...conflict, holder: toHolder(entity.locationKey, entity) };
  }
}

/** What is kept, held to what the catalog has now. */
interface JudgedConflicts {
  readonly standing: RecordedConflict[];
  readonly settled: StoredConflict[];
  /** Of the entities, and of the Locations of the files that were refused. */
  readonly states: ReadonlyMap<string, CatalogEntityState>;
}

function locationConflictNow(
  one: StoredConflict,
  states: ReadonlyMap<string, CatalogEntityState>,
  registered: ReadonlySet<string>,
): RecordedConflict | undefined {
  const { kind, entityRef, refused, holder } = one;
  const stands =
    states.get(entityRef)?.locationKey === holder.locationKey &&
    registeredUrlOf(one).every(url => registered.has(url));
  return stands ? { kind, entityRef, refused, holder } : undefined;
}

function toHolder(
  locationKey: string,
  state: CatalogEntityState | undefined,
): ConflictSide {
  const targetUrl = urlOfLocationKey(locationKey) ?? state?.sourceUrl;
  return { locationKey, ...(targetUrl && { targetUrl }) };
}

/** Location key of the provider that gave what is disputed: refused, or refused to who registered the same. */
function claimantOf({ refused, holder }: RecordedConflict): string {
  const isByHand = urlOfLocationKey(refused.locationKey) !== undefined;
  return isByHand ? holder.locationKey : refused.locationKey;
}

/** The URL that somebody has registered and the catalog has from a provider of ours. */
function registeredUrlOf({ kind, refused }: RecordedConflict): string[] {
  const url = kind === 'location' ? urlOfLocationKey(refused.locationKey) : undefined;
  return url === undefined ? [] : [url];
}

function toRefused(
  { entityRef, targetUrl, holderKey }: RefusedEntity,
  file: CatalogEntityState | undefined,
  entities: ReadonlyMap<string, CatalogEntityState>,
): RecordedConflict & { readonly resultHash?: string } {
  return {
    kind: 'entity',
    entityRef,
    refused: { locationKey: `url:${targetUrl}`, targetUrl },
    holder: toHolder(holderKey, entities.get(entityRef)),
    ...(file?.resultHash !== undefined && { resultHash: file.resultHash }),
  };
}
