/** Where a provider's memory lives between runs. */

import { ProviderMemory } from '../discovery/types';

/** Loads and saves what each provider knows. */
export interface ProviderMemoryStore {
  /** @returns `undefined` when what the catalog holds from the provider cannot be told */
  load(providerId: string): Promise<ProviderMemory | undefined>;
  save(providerId: string, memory: ProviderMemory): Promise<void>;
}

/**
 * Remembers for as long as the process lives; before its first run a provider's memory
 * is read from the catalog itself.
 */
export class InProcessMemoryStore implements ProviderMemoryStore {
  readonly #memories = new Map<string, ProviderMemory>();
  readonly #readBaseline: (providerId: string) => Promise<ProviderMemory | undefined>;

  constructor(readBaseline: (providerId: string) => Promise<ProviderMemory | undefined>) {
    this.#readBaseline = readBaseline;
  }

  async load(providerId: string): Promise<ProviderMemory | undefined> {
    return this.#memories.get(providerId) ?? (await this.#readBaseline(providerId));
  }

  async save(providerId: string, memory: ProviderMemory): Promise<void> {
    this.#memories.set(providerId, memory);
  }
}
