/**
 * The memory of all providers in tables of their own, beside the catalog's: it survives
 * restarts and is the same for every replica.
 */

import type { Knex } from 'knex';
import {
  KnownRepository,
  ProviderMemory,
  UnfinishedPass,
  Vicinity,
} from '../discovery/types';
import { chunksOf, DiscoveryDatabase } from './DiscoveryDatabase';
import {
  BaselineReader,
  EvaluationRecord,
  ProviderMemoryStore,
} from './ProviderMemoryStore';
import {
  hashOf,
  parseCheckRow,
  parseHeldRow,
  parseProviderRow,
  parseRepositoryRow,
} from './storedRows';
import {
  anyOf,
  deleteHeld,
  HELD,
  PROVIDERS,
  replaceHeld,
  REPOSITORIES,
  writeHeld,
  writePass,
  writeProvider,
  writeRepositories,
} from './memoryTables';
import { laterIds } from './laterIds';
import { withBaseline } from './withBaseline';

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
    const provider: unknown = await this.#providerRow(knex, providerId);
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
      ...parseProviderRow(provider),
    };
    return baseline ? withBaseline(memory, baseline) : memory;
  }

  async loadNear(
    providerId: string,
    { repositoryIds, addresses }: Vicinity,
  ): Promise<readonly KnownRepository[] | undefined> {
    const knex = await this.#database.connect();
    const provider: unknown = await this.#providerRow(knex, providerId);
    if (provider === undefined) {
      return undefined;
    }
    const slugs = addresses.map(one => one.slug.toLowerCase());
    const rows: unknown[] = await knex(REPOSITORIES)
      .where('provider_id', providerId)
      .andWhere(near => {
        near.whereIn('repository_id', [...repositoryIds]);
        near.orWhereRaw(anyOf('lower(slug) = ?', slugs), slugs);
        // More than meant where a slug holds a wildcard, which does no harm.
        const targets = slugs.map(slug => `%/repos/${slug}/browse/%`);
        near.orWhereRaw(anyOf('lower(files) like ?', targets), targets);
      });
    return rows.map(parseRepositoryRow);
  }

  async loadServerUrls(providerId: string): Promise<readonly string[]> {
    const knex = await this.#database.connect();
    const provider: unknown = await this.#providerRow(knex, providerId);
    return provider === undefined ? [] : (parseProviderRow(provider).serverUrls ?? []);
  }

  async save(
    providerId: string,
    memory: ProviderMemory,
    upToMs?: number,
  ): Promise<readonly KnownRepository[]> {
    const knex = await this.#database.connect();
    return knex.transaction(async transaction => {
      await writeProvider(transaction, providerId, memory);
      const mine = () => transaction(REPOSITORIES).where('provider_id', providerId);
      const checks: unknown[] = await mine()
        .whereNotNull('checked_at_ms')
        .select('repository_id', 'checked_at_ms');
      const keptIds = laterIds(checks.map(parseCheckRow), memory.repositories, upToMs);
      const rows: unknown[] = await mine().whereIn('repository_id', keptIds);
      const kept = rows.map(parseRepositoryRow);
      await mine().whereNotIn('repository_id', keptIds).delete();
      await writeRepositories(transaction, providerId, memory.repositories);
      await replaceHeld(transaction, providerId, memory);
      return kept;
    });
  }

  async beginPass(
    providerId: string,
    memory: ProviderMemory,
    pass: UnfinishedPass,
  ): Promise<void> {
    const knex = await this.#database.connect();
    const stored: unknown = await this.#providerRow(knex, providerId);
    if (stored !== undefined) {
      await writePass(knex, providerId, pass);
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

  async saveEvaluation(providerId: string, record: EvaluationRecord): Promise<void> {
    const knex = await this.#database.connect();
    await knex.transaction(async transaction => {
      await writeRepositories(transaction, providerId, record.repositories);
      await transaction(REPOSITORIES)
        .where('provider_id', providerId)
        .whereIn('repository_id', [...record.forgottenIds])
        .delete();
      await deleteHeld(transaction, providerId, record.resolvedTargets.map(hashOf));
      await writeHeld(transaction, providerId, record.held);
    });
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

  async #providerRow(knex: Knex, providerId: string): Promise<unknown> {
    return knex(PROVIDERS).where('provider_id', providerId).first();
  }
}
