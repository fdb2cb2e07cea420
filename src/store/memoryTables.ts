/** The statements that write the memory's tables. */

import type { Knex } from 'knex';
import {
  HeldRemoval,
  KnownRepository,
  ProviderMemory,
  UnfinishedPass,
} from '../discovery/types';
import { chunksOf } from './DiscoveryDatabase';
import { hashOf, toHeldRow, toRepositoryRow } from './storedRows';

export const PROVIDERS = 'bitbucket_server_discovery_providers';
export const REPOSITORIES = 'bitbucket_server_discovery_repositories';
export const HELD = 'bitbucket_server_discovery_held';

/** One condition per value, one of which must hold; none holds where there are no values. */
export function anyOf(condition: string, values: readonly unknown[]): string {
  return values.length === 0 ? '1 = 0' : values.map(() => condition).join(' or ');
}

/** Writes what is remembered of the provider as a whole. */
export async function writeProvider(
  knex: Knex,
  providerId: string,
  { unfinishedPass, serverUrls }: ProviderMemory,
): Promise<void> {
  await knex(PROVIDERS)
    .insert({
      provider_id: providerId,
      ...passColumns(unfinishedPass),
      server_urls: serverUrls ? JSON.stringify(serverUrls) : null,
    })
    .onConflict('provider_id')
    .merge();
}

/** Notes the pass of a provider that has a row already. */
export async function writePass(
  knex: Knex,
  providerId: string,
  pass: UnfinishedPass,
): Promise<void> {
  await knex(PROVIDERS).where('provider_id', providerId).update(passColumns(pass));
}

function passColumns(pass: UnfinishedPass | undefined) {
  return { pass_since_ms: pass?.sinceMs ?? null, pass_scope: pass?.scope ?? null };
}

/** Writes repositories, except where the tables know something later. */
export async function writeRepositories(
  knex: Knex,
  providerId: string,
  repositories: readonly KnownRepository[],
): Promise<void> {
  for (const some of chunksOf(repositories)) {
    await knex(REPOSITORIES)
      .insert(some.map(one => toRepositoryRow(providerId, one)))
      .onConflict(['provider_id', 'repository_id'])
      .merge()
      .whereRaw(
        '(??.checked_at_ms is null or excluded.checked_at_ms >= ??.checked_at_ms)',
        [REPOSITORIES, REPOSITORIES],
      );
  }
}

/** Makes these all that is held back; what is still held keeps its approval. */
export async function replaceHeld(
  knex: Knex,
  providerId: string,
  { held }: ProviderMemory,
): Promise<void> {
  const stored: { target_hash: string }[] = await knex(HELD)
    .where('provider_id', providerId)
    .select('target_hash');
  const wanted = new Set(held.map(one => hashOf(one.targetUrl)));
  const resolved = stored.map(row => row.target_hash).filter(hash => !wanted.has(hash));
  await deleteHeld(knex, providerId, resolved);
  await writeHeld(knex, providerId, held);
}

/** @param hashes - of target URLs */
export async function deleteHeld(
  knex: Knex,
  providerId: string,
  hashes: readonly string[],
): Promise<void> {
  for (const some of chunksOf(hashes)) {
    await knex(HELD)
      .where('provider_id', providerId)
      .whereIn('target_hash', some)
      .delete();
  }
}

/** Adds to what is held back. */
export async function writeHeld(
  knex: Knex,
  providerId: string,
  held: readonly HeldRemoval[],
): Promise<void> {
  for (const some of chunksOf(held)) {
    await knex(HELD)
      .insert(some.map(one => toHeldRow(providerId, one)))
      .onConflict(['provider_id', 'target_hash'])
      .merge();
  }
}
