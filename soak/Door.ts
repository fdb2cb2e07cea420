/**
 * The only way for a process to reach anything outside itself. Once it is closed, the process
 * has no further effects, as if it had been killed.
 */

/** The error inside a killed process, which nothing reports. */
export class ProcessKilled extends Error {
  override name = 'ProcessKilled';

  constructor() {
    super('the process was killed');
  }
}

/** The moment at which a process is killed. */
export interface Kill {
  /** The number of effects that it still has, 0 or more. */
  readonly afterEffects: number;
  /** Whether the last effect happens without the process receiving its result. */
  readonly isLastDone: boolean;
}

/** The door of one process. */
export class Door {
  #isOpen = true;
  #kill: Kill | undefined;
  readonly #onClosed: () => void;

  /** @param onClosed - ends pending waits */
  constructor(onClosed: () => void) {
    this.#onClosed = onClosed;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Kills the process after some further effects. */
  killLater(kill: Kill): void {
    this.#kill = kill;
  }

  close(): void {
    if (this.#isOpen) {
      this.#isOpen = false;
      this.#onClosed();
    }
  }

  /** Performs an effect. @throws ProcessKilled when the process dies before its result */
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

  /** Returns the same object with every method behind the door. */
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
