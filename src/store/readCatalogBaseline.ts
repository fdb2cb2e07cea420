/**
 * What the catalog holds from a provider, read from the catalog's own tables: the
 * starting point where nothing is remembered, such as the first run after switching from
 * the published module. Without it, a first run could not tell a removal from a novelty.
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
import { KnownRepository, ProviderMemory } from '../discovery/types';
import { CatalogFile, Presence, PRESENCES, RepositoryAddress } from '../model';
import { ANNOTATION_PROJECT_KEY, ANNOTATION_REPO_SLUG } from '../util/annotations';
import { canonicalJson } from '../util/canonicalJson';
import { parseTarget } from '../util/parseTarget';

const Row = z.object({ entity: z.string() });
const LocationSpec = z.object({
  target: z.string(),
  // What the catalog takes it for where it says nothing.
  presence: z.enum(PRESENCES).catch('required'),
});
const validateEnvelope = entityEnvelopeSchemaValidator();

/** The entity ref of the Location by which the catalog reads a URL. */
export type PlainLocationRef = (targetUrl: string) => string;

/** A file the catalog was given. */
interface GivenFile {
  readonly address: RepositoryAddress;
  readonly file: CatalogFile;
}

/**
 * Reads the Locations a provider has in the catalog, and what a location parser made in
 * their place.
 *
 * @remarks Table and column names: catalog-backend 4.0.0, unchanged since its first
 * releases. The repositories' numeric ids are not known there: placeholders stand for them.
 *
 * @param providerName - the provider's name in the catalog, its source key
 * @throws when the tables cannot be read
 */
export async function readCatalogBaseline(
  database: DatabaseService,
  providerName: string,
  plainLocationRef: PlainLocationRef,
): Promise<ProviderMemory> {
  const knex = await database.getClient();
  const rows: unknown[] = await knex('refresh_state_references')
    .where('refresh_state_references.source_key', providerName)
    .join(
      'refresh_state',
      'refresh_state.entity_ref',
      'refresh_state_references.target_entity_ref',
    )
    .select('refresh_state.unprocessed_entity as entity');
  const files = rows.flatMap(row => readFile(row, plainLocationRef));
  return { repositories: groupByRepository(files), held: [] };
}

function readFile(row: unknown, plainLocationRef: PlainLocationRef): GivenFile[] {
  const parsedRow = Row.safeParse(row);
  if (!parsedRow.success) {
    return [];
  }
  try {
    const entity: Entity = validateEnvelope(JSON.parse(parsedRow.data.entity));
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

/** A parser may name any place as the one it read, but these name the repository. */
function statedAddress(
  annotations: Readonly<Record<string, string>>,
): RepositoryAddress | undefined {
  const projectKey = annotations[ANNOTATION_PROJECT_KEY];
  const slug = annotations[ANNOTATION_REPO_SLUG];
  return projectKey && slug ? { projectKey, slug } : undefined;
}

/** What is no Bitbucket file (the anchor) is left out. */
function ofTarget(targetUrl: string, presence: Presence): GivenFile[] {
  const parsed = parseTarget(targetUrl);
  return parsed
    ? [{ address: parsed, file: { path: parsed.path, targetUrl, presence } }]
    : [];
}

/** Groups the files that Locations read by repository. */
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
