/**
 * The memory of all providers in tables of their own, beside the catalog's: it survives
 * restarts and is the same for every replica.
 */

import type { Knex } from 'knex';
import { KnownRepository, ProviderMemory, UnfinishedPass } from '../discovery/types';
import { chunksOf, DiscoveryDatabase } from './DiscoveryDatabase';
import {
  BaselineReader,
  ProviderMemoryStore,
  RunRecord,
  RUNS_KEPT,
} from './ProviderMemoryStore';
import {
  hashOf,
  parseHeldRow,
  parseProviderRow,
  parseRepositoryRow,
  parseRunRow,
  toHeldRow,
  toRepositoryRow,
} from './storedRows';
import { withBaseline } from './withBaseline';

const PROVIDERS = 'bitbucket_server_discovery_providers';
const REPOSITORIES = 'bitbucket_server_discovery_repositories';
const RUNS = 'bitbucket_server_discovery_runs';
const HELD = 'bitbucket_server_discovery_held';
/** Stores memories in the catalog's database. */
export class DatabaseMemoryStore implements ProviderMemoryStore {
  readonly #database: DiscoveryDatabase;
  readonly #readBaseline: BaselineReader;

  constructor(database: DiscoveryDatabase, readBaseline: BaselineReader) {
    this.#database = database;
    this.#readBaseline = readBaseline;
  }

  async load(providerId: string): Promise<ProviderMemory | undefined> {
    const knex = await this.#database.connect();
    const provider: unknown = await knex(PROVIDERS)
      .where('provider_id', providerId)
      .first();
    const baseline = await this.#readBaseline(providerId);
    if (provider === undefined) {
      return baseline;
    }
    const repositories: unknown[] = await knex(REPOSITORIES).where(
      'provider_id',
      providerId,
    );
    const held: unknown[] = await knex(HELD).where('provider_id', providerId);
    const memory = {
      repositories: repositories.map(parseRepositoryRow),
      held: held.map(parseHeldRow),
      unfinishedPass: parseProviderRow(provider),
    };
    return baseline ? withBaseline(memory, baseline) : memory;
  }

  async save(providerId: string, memory: ProviderMemory): Promise<void> {
    const knex = await this.#database.connect();
    await knex.transaction(async transaction => {
      await writeProvider(transaction, providerId, memory.unfinishedPass);
      await transaction(REPOSITORIES).where('provider_id', providerId).delete();
      await writeRepositories(transaction, providerId, memory.repositories);
      await replaceHeld(transaction, providerId, memory);
    });
  }

  async beginPass(
    providerId: string,
    memory: ProviderMemory,
    pass: UnfinishedPass,
  ): Promise<void> {
    const knex = await this.#database.connect();
    const stored: unknown = await knex(PROVIDERS)
      .where('provider_id', providerId)
      .first();
    if (stored !== undefined) {
      await writeProvider(knex, providerId, pass);
    } else {
      await this.save(providerId, { ...memory, unfinishedPass: pass });
    }
  }

  async saveProgress(
    providerId: string,
    repositories: readonly KnownRepository[],
  ): Promise<void> {
    const knex = await this.#database.connect();
    await knex.transaction(transaction =>
      writeRepositories(transaction, providerId, repositories),
    );
  }

  async loadApprovals(providerId: string): Promise<ReadonlySet<string>> {
    const knex = await this.#database.connect();
    const rows: unknown[] = await knex(HELD).where({
      provider_id: providerId,
      approved: true,
    });
    return new Set(rows.map(row => parseHeldRow(row).targetUrl));
  }

  async approve(providerId: string, targetUrls: readonly string[]): Promise<void> {
    const knex = await this.#database.connect();
    await knex.transaction(async transaction => {
      for (const some of chunksOf(targetUrls)) {
        await transaction(HELD)
          .where('provider_id', providerId)
          .whereIn('target_hash', some.map(hashOf))
          .update({ approved: true });
      }
    });
  }

  async recordRun(providerId: string, run: RunRecord): Promise<void> {
    const knex = await this.#database.connect();
    await knex(RUNS).insert({
      provider_id: providerId,
      started_at_ms: run.startedAtMs,
      finished_at_ms: run.finishedAtMs,
      report: JSON.stringify(run),
    });
    const kept: { id: number }[] = await knex(RUNS)
      .where('provider_id', providerId)
      .orderBy('id', 'desc')
      .limit(RUNS_KEPT)
      .select('id');
    await knex(RUNS)
      .where('provider_id', providerId)
      .whereNotIn(
        'id',
        kept.map(row => row.id),
      )
      .delete();
  }

  async loadRuns(providerId: string): Promise<RunRecord[]> {
    const knex = await this.#database.connect();
    const rows: unknown[] = await knex(RUNS)
      .where('provider_id', providerId)
      .orderBy('id', 'desc')
      .limit(RUNS_KEPT);
    return rows.map(parseRunRow);
  }
}

async function writeProvider(
  knex: Knex,
  providerId: string,
  pass: UnfinishedPass | undefined,
): Promise<void> {
  await knex(PROVIDERS)
    .insert({
      provider_id: providerId,
      pass_since_ms: pass?.sinceMs ?? null,
      pass_scope: pass?.scope ?? null,
    })
    .onConflict('provider_id')
    .merge();
}

async function writeRepositories(
  knex: Knex,
  providerId: string,
  repositories: readonly KnownRepository[],
): Promise<void> {
  for (const some of chunksOf(repositories)) {
    await knex(REPOSITORIES)
      .insert(some.map(one => toRepositoryRow(providerId, one)))
      .onConflict(['provider_id', 'repository_id'])
      .merge();
  }
}

async function replaceHeld(
  knex: Knex,
  providerId: string,
  { held }: ProviderMemory,
): Promise<void> {
  const stored: { target_hash: string }[] = await knex(HELD)
    .where('provider_id', providerId)
    .select('target_hash');
  const wanted = new Set(held.map(one => hashOf(one.targetUrl)));
  const resolved = stored.map(row => row.target_hash).filter(hash => !wanted.has(hash));
  for (const some of chunksOf(resolved)) {
    await knex(HELD)
      .where('provider_id', providerId)
      .whereIn('target_hash', some)
      .delete();
  }
  for (const some of chunksOf(held)) {
    await knex(HELD)
      .insert(some.map(one => toHeldRow(providerId, one)))
      .onConflict(['provider_id', 'target_hash'])
      .merge();
  }
}
