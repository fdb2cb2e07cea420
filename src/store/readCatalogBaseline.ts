/**
 * What the catalog holds from a provider, read from the catalog's own tables: the
 * starting point where nothing is remembered, such as the first run after switching from
 * the published module. Without it, a first run could not tell a removal from a novelty.
 */

import { DatabaseService } from '@backstage/backend-plugin-api';
import { z } from 'zod';
import { addressKey } from '../discovery/identify';
import { KnownRepository, ProviderMemory } from '../discovery/types';
import { parseTarget } from './parseTarget';

const Row = z.object({ entity: z.string() });
const UnprocessedLocation = z.object({
  kind: z.literal('Location'),
  spec: z.object({ target: z.string() }),
});

/**
 * Reads the Locations a provider has in the catalog.
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
  return { repositories: toKnownRepositories(rows.flatMap(readTarget)), held: [] };
}

function readTarget(row: unknown): string[] {
  const parsedRow = Row.safeParse(row);
  if (!parsedRow.success) {
    return [];
  }
  try {
    const entity = UnprocessedLocation.safeParse(JSON.parse(parsedRow.data.entity));
    return entity.success ? [entity.data.spec.target] : [];
  } catch {
    return [];
  }
}

/** Groups targets by repository; what is no Bitbucket file (the anchor) is left out. */
export function toKnownRepositories(targets: readonly string[]): KnownRepository[] {
  const known = new Map<string, KnownRepository>();
  for (const targetUrl of targets) {
    const parsed = parseTarget(targetUrl);
    if (!parsed) {
      continue;
    }
    const { projectKey, slug, path } = parsed;
    const key = addressKey(parsed);
    const before = known.get(key);
    known.set(key, {
      repositoryId: before?.repositoryId ?? -1 - known.size,
      projectKey,
      slug,
      files: [...(before?.files ?? []), { path, targetUrl }],
    });
  }
  return [...known.values()];
}
