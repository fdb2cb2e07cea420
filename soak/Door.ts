/**
 * How a process reaches everything outside itself. Once it is closed, whatever the process
 * was about to do, it never does: so it is as if it had been killed.
 */

/** What a killed process meets; nobody sees it. */
export class ProcessKilled extends Error {
  override name = 'ProcessKilled';

  constructor() {
    super('the process was killed');
  }
}

/** When a process is killed. */
export interface Kill {
  /** Effects that it still has, 0 or more. */
  readonly afterEffects: number;
  /** The last effect happens, and the process does not learn of it. */
  readonly isLastDone: boolean;
}

/** The door of one process. */
export class Door {
  #isOpen = true;
  #kill: Kill | undefined;
  readonly #onClosed: () => void;

  /** @param onClosed - ends what only waits */
  constructor(onClosed: () => void) {
    this.#onClosed = onClosed;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Has the process die on its way. */
  killLater(kill: Kill): void {
    this.#kill = kill;
  }

  close(): void {
    if (this.#isOpen) {
      this.#isOpen = false;
      this.#onClosed();
    }
  }

  /** Has an effect. @throws ProcessKilled when the process does not live to see it */
  async pass<T>(effect: () => Promise<T>): Promise<T> {
    const isLast = this.#isLast();
    if (!this.#isOpen) {
      throw new ProcessKilled();
    }
    if (isLast && !this.#kill?.isLastDone) {
      this.close();
      throw new ProcessKilled();
    }
    const result = await effect();
    if (isLast) {
      this.close();
    }
    if (!this.#isOpen) {
      throw new ProcessKilled();
    }
    return result;
  }

  #isLast(): boolean {
    if (this.#kill === undefined) {
      return false;
    }
    const { afterEffects } = this.#kill;
    this.#kill = { ...this.#kill, afterEffects: afterEffects - 1 };
    return afterEffects <= 0;
  }

  /** The same object with every method behind the door. */
  guard<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (_, key) => {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function') {
          return value;
        }
        return (...args: unknown[]) =>
          this.pass(async (): Promise<unknown> => Reflect.apply(value, target, args));
      },
    });
  }
}
