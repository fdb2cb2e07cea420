/** What events leave behind for each other, on every replica. */

/** Remembers default branches and which events are taken. */
export interface EventStore {
  /**
   * The default branch of a repository as it was last read.
   *
   * @param notBeforeMs - what was read earlier, epoch milliseconds, counts for nothing
   * @returns its short name; `undefined` when it is not known
   */
  loadDefaultBranch(
    host: string,
    repositoryId: number,
    notBeforeMs: number,
  ): Promise<string | undefined>;
  saveDefaultBranch(
    host: string,
    repositoryId: number,
    branch: { readonly name: string; readonly readAtMs: number },
  ): Promise<void>;
  forgetDefaultBranch(host: string, repositoryId: number): Promise<void>;
  /**
   * Takes an event for this replica.
   *
   * @param identity - from `deliveryIdentity`
   * @param keepForMs - how long nobody else can take it
   * @returns whether it was free
   */
  takeDelivery(identity: string, nowMs: number, keepForMs: number): Promise<boolean>;
}
