/** A store that works, for tests: it remembers as long as it lives. */

import { addressKey } from '../discovery/identify';
import {
  KnownRepository,
  ProviderMemory,
  UnfinishedPass,
  Vicinity,
} from '../discovery/types';
import {
  BaselineReader,
  EvaluationRecord,
  ProviderMemoryStore,
} from '../store/ProviderMemoryStore';
import { laterIds } from '../store/laterIds';

/** Keeps memories in a map; before its first run a provider's memory is its baseline. */
export class InProcessMemoryStore implements ProviderMemoryStore {
  readonly #memories = new Map<string, ProviderMemory>();
  readonly #readBaseline: BaselineReader;

  constructor(readBaseline: BaselineReader) {
    this.#readBaseline = readBaseline;
  }

  async load(providerId: string): Promise<ProviderMemory | undefined> {
    return this.#memories.get(providerId) ?? (await this.#readBaseline(providerId));
  }

  async loadNear(
    providerId: string,
    { repositoryIds, addresses }: Vicinity,
  ): Promise<readonly KnownRepository[] | undefined> {
    const keys = new Set(addresses.map(addressKey));
    const pages = addresses.map(one => `/repos/${one.slug.toLowerCase()}/browse/`);
    return this.#memories
      .get(providerId)
      ?.repositories.filter(
        one =>
          repositoryIds.includes(one.repositoryId) ||
          keys.has(addressKey(one)) ||
          one.files.some(file =>
            pages.some(page => file.targetUrl.toLowerCase().includes(page)),
          ),
      );
  }

  async loadServerUrls(providerId: string): Promise<readonly string[]> {
    return this.#memories.get(providerId)?.serverUrls ?? [];
  }

  async save(
    providerId: string,
    memory: ProviderMemory,
    upToMs?: number,
  ): Promise<readonly KnownRepository[]> {
    const approved = await this.loadApprovals(providerId);
    const held = memory.held.map(one => ({
      ...one,
      approved: approved.has(one.targetUrl),
    }));
    const before = this.#memories.get(providerId)?.repositories ?? [];
    const checks = before.flatMap(({ repositoryId, checkedAtMs }) =>
      checkedAtMs === undefined ? [] : { repositoryId, checkedAtMs },
    );
    const keptIds = laterIds(checks, memory.repositories, upToMs);
    const kept = before.filter(one => keptIds.includes(one.repositoryId));
    const repositories = mergeLater(kept, memory.repositories);
    this.#memories.set(providerId, { ...memory, repositories, held });
    return kept;
  }

  async beginPass(
    providerId: string,
    memory: ProviderMemory,
    unfinishedPass: UnfinishedPass,
  ): Promise<void> {
    const kept = this.#memories.get(providerId) ?? memory;
    this.#memories.set(providerId, { ...kept, unfinishedPass });
  }

  async saveProgress(
    providerId: string,
    repositories: readonly KnownRepository[],
  ): Promise<void> {
    const kept = this.#memories.get(providerId);
    if (kept) {
      this.#memories.set(providerId, {
        ...kept,
        repositories: mergeLater(kept.repositories, repositories),
      });
    }
  }

  async saveEvaluation(providerId: string, record: EvaluationRecord): Promise<void> {
    await this.saveProgress(providerId, record.repositories);
    const kept = this.#memories.get(providerId);
    if (kept) {
      const gone = new Set([
        ...record.resolvedTargets,
        ...record.held.map(one => one.targetUrl),
      ]);
      this.#memories.set(providerId, {
        ...kept,
        repositories: kept.repositories.filter(
          one => !record.forgottenIds.includes(one.repositoryId),
        ),
        held: [...kept.held.filter(one => !gone.has(one.targetUrl)), ...record.held],
      });
    }
  }

  async loadApprovals(providerId: string): Promise<ReadonlySet<string>> {
    const held = this.#memories.get(providerId)?.held ?? [];
    return new Set(held.flatMap(one => (one.approved ? [one.targetUrl] : [])));
  }

  async approve(providerId: string, targetUrls: readonly string[]): Promise<void> {
    const kept = this.#memories.get(providerId);
    if (kept) {
      const held = kept.held.map(one => ({
        ...one,
        approved: one.approved || targetUrls.includes(one.targetUrl),
      }));
      this.#memories.set(providerId, { ...kept, held });
    }
  }
}

/** What is given replaces what is kept, unless that was settled later. */
function mergeLater(
  kept: readonly KnownRepository[],
  given: readonly KnownRepository[],
): KnownRepository[] {
  const merged = new Map(kept.map(one => [one.repositoryId, one]));
  for (const one of given) {
    const before = merged.get(one.repositoryId)?.checkedAtMs;
    if (before === undefined || (one.checkedAtMs ?? 0) >= before) {
      merged.set(one.repositoryId, one);
    }
  }
  return [...merged.values()];
}
