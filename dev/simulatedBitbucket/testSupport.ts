/** Shared by the simulator's own tests: a small client and a manual clock. */
import type { Clock } from '../../src/util/clock';
import type { SimulatedBitbucket } from './index';

/** The credentials of a test. */
export type SignIn = { token: string } | { name: string; password: string } | 'anonymous';

/** An answer with its complete body. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body, or `undefined` when it is not JSON. */
  readonly json: unknown;
}

/** The header that signs in. */
export function authorization(signIn: SignIn): Record<string, string> {
  if (signIn === 'anonymous') {
    return {};
  }
  if ('token' in signIn) {
    return { authorization: `Bearer ${signIn.token}` };
  }
  const pair = Buffer.from(`${signIn.name}:${signIn.password}`).toString('base64');
  return { authorization: `Basic ${pair}` };
}

/**
 * Sends a request to the simulator.
 *
 * @param path - below `/rest/api/1.0`, or from the root when it starts with `//`
 */
export async function ask(
  simulated: SimulatedBitbucket,
  path: string,
  signIn: SignIn = { token: 'secret' },
): Promise<Answer> {
  const url = path.startsWith('//')
    ? new URL(path.slice(1), simulated.baseUrl)
    : `${simulated.apiBaseUrl}${path}`;
  const response = await simulated.handle(
    new Request(url, { headers: authorization(signIn) }),
  );
  return readAnswer(response);
}

/** Reads a response to the end. */
export async function readAnswer(response: Response): Promise<Answer> {
  const { status, headers } = response;
  const text = await response.text();
  return { status, headers, text, json: parseJson(text) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A clock that only advances when a test requests it. */
export class ManualClock implements Clock {
  #now = 1_700_000_000_000;
  readonly #sleepers = new Set<{ until: number; wake: () => void }>();

  now(): number {
    return this.#now;
  }

  monotonicMs(): number {
    return this.#now;
  }

  sleep(ms: number): Promise<void> {
    return new Promise(resolve => {
      this.callAfter(ms, resolve);
    });
  }

  callAfter(ms: number, callback: () => void): () => void {
    const sleeper = { until: this.#now + ms, wake: callback };
    this.#sleepers.add(sleeper);
    return () => this.#sleepers.delete(sleeper);
  }

  random(): number {
    return 0.5;
  }

  /** Advances time and wakes the sleepers that are due. */
  advance(ms: number): void {
    this.#now += ms;
    for (const sleeper of [...this.#sleepers]) {
      if (sleeper.until <= this.#now) {
        this.#sleepers.delete(sleeper);
        sleeper.wake();
      }
    }
  }
}
