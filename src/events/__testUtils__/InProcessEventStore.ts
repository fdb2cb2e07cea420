/** A store that works, for tests: several subscribers may share it like replicas do. */

import { Delivery, DeliveryClaim, EventStore } from '../../store/EventStore';

interface KnownBranch {
  readonly name: string;
  readonly readAtMs: number;
}

/** Keeps default branches and claimed webhooks in maps. */
export class InProcessEventStore implements EventStore {
  readonly #branches = new Map<string, KnownBranch>();
  readonly #claimed = new Map<string, number>();

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

  async claimDelivery(
    { contentHash, arrivalHash }: Delivery,
    nowMs: number,
    keepForMs: number,
  ): Promise<DeliveryClaim> {
    const claim = (identity: string) => {
      const claimedAtMs = this.#claimed.get(identity);
      if (claimedAtMs !== undefined && claimedAtMs > nowMs - keepForMs) {
        return false;
      }
      this.#claimed.set(identity, nowMs);
      return true;
    };
    const [isFirst, isNewOnTopic] = [claim(contentHash), claim(arrivalHash)];
    if (isFirst) {
      return 'first';
    }
    return isNewOnTopic ? 'copy' : 'repeated';
  }
}
