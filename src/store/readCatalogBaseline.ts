/**
 * Reads from the catalog's own tables what the catalog holds from a provider: the
 * starting point without stored state, such as in the first run after switching from the
 * published module. Without it, a first run could not tell removals from additions.
 */

import { DatabaseService } from '@backstage/backend-plugin-api';
import {
  ANNOTATION_LOCATION,
  Entity,
  entityEnvelopeSchemaValidator,
  stringifyEntityRef,
} from '@backstage/catalog-model';
import { z } from 'zod';
import { addressKey } from '../discovery/identify';
import { getEntryKey } from '../discovery/locations';
import { KnownRepository, ProviderState } from '../discovery/types';
import { CatalogFile, Presence, PRESENCES, RepositoryAddress } from '../model';
import { canonicalJson } from '../util/text';
import { yieldToEventLoop } from '../util/clock';
import { parseTarget } from '../util/parseUrls';
import { providerEntityRefs, statedAddress } from './catalogState';
import { toChunks } from './DiscoveryDatabase';

/** Number of repositories to process before yielding to the event loop. */
const KNOWN_PER_TURN = 1_000;

const Row = z.object({ entity: z.string() });
const LocationSpec = z.object({
  target: z.string(),
  // The catalog's default.
  presence: z.enum(PRESENCES).catch('required'),
});
const validateEnvelope = entityEnvelopeSchemaValidator();

/** Returns the entity ref of the Location by which the catalog reads a URL. */
export type PlainLocationRef = (targetUrl: string) => string;

/** A file that the catalog holds, with its repository. */
interface GivenFile {
  readonly address: RepositoryAddress;
  readonly file: CatalogFile;
}

/**
 * Reads the Locations that a provider has in the catalog, and the entities that a
 * location parser made in their place.
 *
 * @remarks Table and column names: catalog-backend 4.0.0, unchanged since its first
 * releases. The repositories' numeric ids are not known there: placeholders stand for
 * them.
 *
 * @param providerName - the provider's name in the catalog, its source key
 * @param known - known state, which need not be read
 * @throws an error if the tables cannot be read
 */
export async function readCatalogBaseline(
  database: DatabaseService,
  providerName: string,
  plainLocationRef: PlainLocationRef,
  known: readonly KnownRepository[] = [],
): Promise<ProviderState> {
  const knex = await database.getClient();
  const knownRefs = await toEntityRefs(known, plainLocationRef);
  const files: GivenFile[] = [];
  for await (const refs of providerEntityRefs(knex, providerName)) {
    for (const chunk of toChunks(refs.filter(ref => !knownRefs.has(ref)))) {
      const rows: unknown[] = await knex('refresh_state')
        .whereIn('entity_ref', chunk)
        .select('unprocessed_entity as entity');
      files.push(...rows.flatMap(row => readFile(row, plainLocationRef)));
      await yieldToEventLoop();
    }
  }
  return { repositories: groupByRepository(files), held: [] };
}

/** Returns the entity refs of the known files in the catalog. */
async function toEntityRefs(
  known: readonly KnownRepository[],
  plainLocationRef: PlainLocationRef,
): Promise<Set<string>> {
  const refs = new Set<string>();
  for (const chunk of toChunks(known, KNOWN_PER_TURN)) {
    for (const file of chunk.flatMap(repository => repository.files)) {
      refs.add(file.entity?.key ?? plainLocationRef(file.targetUrl));
    }
    await yieldToEventLoop();
  }
  return refs;
}

function readFile(row: unknown, plainLocationRef: PlainLocationRef): GivenFile[] {
  try {
    const entity: Entity = validateEnvelope(JSON.parse(Row.parse(row).entity));
    return toGivenFile(entity, plainLocationRef);
  } catch {
    return [];
  }
}

function toGivenFile(entity: Entity, plainLocationRef: PlainLocationRef): GivenFile[] {
  const ref = stringifyEntityRef(entity);
  const spec = LocationSpec.safeParse(entity.spec);
  if (spec.success && ref === plainLocationRef(spec.data.target)) {
    return ofTarget(spec.data.target, spec.data.presence);
  }
  const { annotations = {} } = entity.metadata;
  const targetUrl = (annotations[ANNOTATION_LOCATION] ?? '').replace(/^url:/, '');
  const read = parseTarget(targetUrl);
  const address = statedAddress(annotations) ?? read;
  const json = canonicalJson(entity);
  const file = { path: read?.path ?? '', targetUrl, presence: 'required' } as const;
  return address && json
    ? [{ address, file: { ...file, entity: { key: ref, json } } }]
    : [];
}

/** Ignores targets that are not Bitbucket files, such as the anchor. */
function ofTarget(targetUrl: string, presence: Presence): GivenFile[] {
  const parsed = parseTarget(targetUrl);
  return parsed
    ? [{ address: parsed, file: { path: parsed.path, targetUrl, presence } }]
    : [];
}

/** Groups Location targets by repository. */
export function toKnownRepositories(targets: readonly string[]): KnownRepository[] {
  return groupByRepository(targets.flatMap(target => ofTarget(target, 'required')));
}

function groupByRepository(given: readonly GivenFile[]): KnownRepository[] {
  const known = new Map<string, KnownRepository>();
  for (const { address, file } of given) {
    const { projectKey, slug } = address;
    const key = addressKey(address);
    const before = known.get(key);
    known.set(key, {
      repositoryId: before?.repositoryId ?? -1 - known.size,
      projectKey,
      slug,
      files: [...(before?.files ?? []), file],
    });
  }
  return [...known.values()];
}

/**
 * Adds files that only the catalog knows to the stored state. The stored state may lag
 * behind: rows were deleted, another module ran in between, or a run could update the
 * catalog but not store its result. Locations missing from the state would be removed
 * without the guard.
 *
 * @param baseline - what the catalog holds, with placeholder ids
 */
export function adoptFromCatalog(
  state: ProviderState,
  baseline: ProviderState,
): ProviderState {
  // In most runs everything is known and nothing was read.
  if (baseline.repositories.length === 0) {
    return state;
  }
  const remembered = new Set(
    state.repositories.flatMap(known => known.files.map(getEntryKey)),
  );
  const missing = baseline.repositories
    .map(known => ({
      ...known,
      files: known.files.filter(file => !remembered.has(getEntryKey(file))),
    }))
    .filter(repository => repository.files.length > 0);
  return missing.length === 0
    ? state
    : { ...state, repositories: [...state.repositories, ...renumber(missing, state)] };
}

/** Assigns ids below every stored placeholder id. */
function renumber(
  missing: readonly KnownRepository[],
  { repositories }: ProviderState,
): KnownRepository[] {
  const lowest = repositories.reduce(
    (least, known) => Math.min(least, known.repositoryId),
    0,
  );
  return missing.map((known, index) => ({ ...known, repositoryId: lowest - 1 - index }));
}
