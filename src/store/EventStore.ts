/** What events leave behind for each other, on every replica. */

/** How long something stored counts. A clock that was wrong once does not make it longer than twice. */
export interface Validity {
  /** Epoch milliseconds. */
  readonly nowMs: number;
  readonly keepForMs: number;
}

/** A webhook as it arrived, in hashes of 64 characters. */
export interface Delivery {
  /** Of event key and content, whichever way it came. */
  readonly contentHash: string;
  /** Of the same and the topic: one webhook may arrive on the plain topic and on a sub-topic. */
  readonly arrivalHash: string;
}

/**
 * `first`: it is to be handled. `copy`: it is handled already, and arrives on another topic
 * for the first time. `repeated`: it was on this topic before.
 */
export type DeliveryClaim = 'first' | 'copy' | 'repeated';

/** Remembers default branches and which webhooks are claimed. */
export interface EventStore {
  /**
   * The default branch of a repository as it was last read.
   *
   * @param validity - what was read outside of it counts for nothing
   * @returns its short name; `undefined` when it is not known
   */
  loadDefaultBranch(
    host: string,
    repositoryId: number,
    validity: Validity,
  ): Promise<string | undefined>;
  saveDefaultBranch(
    host: string,
    repositoryId: number,
    branch: { readonly name: string; readonly readAtMs: number },
  ): Promise<void>;
  forgetDefaultBranch(host: string, repositoryId: number): Promise<void>;
  /**
   * Claims a webhook for this replica, unless somebody has it already.
   *
   * @param validity - how long nobody else can claim it: at most a minute longer
   */
  claimDelivery(delivery: Delivery, validity: Validity): Promise<DeliveryClaim>;
}
