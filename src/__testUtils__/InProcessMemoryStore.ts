/** A store that works, for tests: it remembers as long as it lives. */

import { KnownRepository, ProviderMemory, UnfinishedPass } from '../discovery/types';
import {
  BaselineReader,
  ProviderMemoryStore,
  RunRecord,
  RUNS_KEPT,
} from '../store/ProviderMemoryStore';

/** Keeps memories in a map; before its first run a provider's memory is its baseline. */
export class InProcessMemoryStore implements ProviderMemoryStore {
  readonly #memories = new Map<string, ProviderMemory>();
  readonly #runs = new Map<string, RunRecord[]>();
  readonly #readBaseline: BaselineReader;

  constructor(readBaseline: BaselineReader) {
    this.#readBaseline = readBaseline;
  }

  async load(providerId: string): Promise<ProviderMemory | undefined> {
    return this.#memories.get(providerId) ?? (await this.#readBaseline(providerId));
  }

  async save(providerId: string, memory: ProviderMemory): Promise<void> {
    const approved = await this.loadApprovals(providerId);
    const held = memory.held.map(one => ({
      ...one,
      approved: approved.has(one.targetUrl),
    }));
    this.#memories.set(providerId, { ...memory, held });
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
      const merged = new Map(
        [...kept.repositories, ...repositories].map(one => [one.repositoryId, one]),
      );
      this.#memories.set(providerId, { ...kept, repositories: [...merged.values()] });
    }
  }

  async loadApprovals(providerId: string): Promise<ReadonlySet<string>> {
    const held = this.#memories.get(providerId)?.held ?? [];
    return new Set(held.flatMap(one => (one.approved ? [one.targetUrl] : [])));
  }

  async recordRun(providerId: string, run: RunRecord): Promise<void> {
    const runs = [run, ...(await this.loadRuns(providerId))];
    this.#runs.set(providerId, runs.slice(0, RUNS_KEPT));
  }

  async loadRuns(providerId: string): Promise<RunRecord[]> {
    return this.#runs.get(providerId) ?? [];
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
