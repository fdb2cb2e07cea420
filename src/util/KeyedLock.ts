/** Lets work that concerns the same things go one after the other. */

/** One lock for each of any number of keys, within this process. */
export class KeyedLock {
  /** Of each key the work that asked last. */
  readonly #last = new Map<string, Promise<unknown>>();

  /**
   * Runs the work once all that asked before for one of the keys has settled.
   *
   * @remarks All keys are asked for at once, so two can never wait for each other.
   */
  async run<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = keys.flatMap(key => this.#last.get(key) ?? []);
    const mine = Promise.allSettled(before).then(work);
    keys.forEach(key => this.#last.set(key, mine));
    try {
      return await mine;
    } finally {
      for (const key of keys) {
        if (this.#last.get(key) === mine) {
          this.#last.delete(key);
        }
      }
    }
  }
}
