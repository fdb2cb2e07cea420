/** A store that works, for tests: several subscribers may share it like replicas do. */

import { EventStore } from '../../store/EventStore';

interface KnownBranch {
  readonly name: string;
  readonly readAtMs: number;
}

/** Keeps default branches and taken events in maps. */
export class InProcessEventStore implements EventStore {
  readonly #branches = new Map<string, KnownBranch>();
  readonly #taken = new Map<string, number>();

  async loadDefaultBranch(
    host: string,
    repositoryId: number,
    notBeforeMs: number,
  ): Promise<string | undefined> {
    const known = this.#branches.get(`${host} ${repositoryId}`);
    return known && known.readAtMs >= notBeforeMs ? known.name : undefined;
  }

  async saveDefaultBranch(
    host: string,
    repositoryId: number,
    branch: KnownBranch,
  ): Promise<void> {
    this.#branches.set(`${host} ${repositoryId}`, branch);
  }

  async forgetDefaultBranch(host: string, repositoryId: number): Promise<void> {
    this.#branches.delete(`${host} ${repositoryId}`);
  }

  async takeDelivery(
    identity: string,
    nowMs: number,
    keepForMs: number,
  ): Promise<boolean> {
    const takenAtMs = this.#taken.get(identity);
    if (takenAtMs !== undefined && takenAtMs > nowMs - keepForMs) {
      return false;
    }
    this.#taken.set(identity, nowMs);
    return true;
  }
}
