/** A working store in memory, which several subscribers may share like replicas. For tests. */

import {
  Delivery,
  DeliveryClaim,
  EventStore,
  Validity,
} from '../../store/DatabaseEventStore';

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
    { nowMs, keepForMs }: Validity,
  ): Promise<string | undefined> {
    const known = this.#branches.get(`${host} ${repositoryId}`);
    return known && Math.abs(nowMs - known.readAtMs) < keepForMs ? known.name : undefined;
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
    { nowMs, keepForMs }: Validity,
  ): Promise<DeliveryClaim> {
    const claim = (identity: string) => {
      const claimedAtMs = this.#claimed.get(identity);
      if (claimedAtMs !== undefined && Math.abs(nowMs - claimedAtMs) < keepForMs) {
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
