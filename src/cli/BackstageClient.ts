/**
 * Asks a live Backstage backend, over the same transport as Bitbucket. Reads only, and never
 * takes the token to another origin; says in a sentence what kept it from reading.
 */

import { InputError } from '@backstage/errors';
import { z } from 'zod';
import { Answer } from '../bitbucket/Answer';
import { HttpTransport } from '../http/HttpTransport';
import { createRedactor, Redact } from '../http/redact';
import { HttpReply } from '../http/types';
import { CliIo, CommandFailedError, describeError, UsageError } from './CliIo';

/** Of one attempt. */
const REQUEST_TIMEOUT_MS = 30_000;

/** With 500 Locations or 1,000 repositories on each: far more than any catalog has. */
const MAX_PAGES = 1_000;

/** Which backend, and as whom. */
export interface BackstageAddress {
  /** Base URL of the backend, without a slash at its end. */
  readonly url: string;
  readonly token?: string;
}

/** Part of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  /** What to ask for the next one; `undefined` on the last one. */
  readonly next?: string;
}

/** The options of commands that look into a running Backstage. */
export interface AgainstOptions {
  /** Base URL of a Backstage backend. */
  readonly against?: string;
  /** For that backend; `BACKSTAGE_TOKEN` when left out. */
  readonly token?: string;
}

/**
 * Checks the address and brings it into the form it is shown in.
 *
 * @returns `undefined` where none is asked for
 * @throws UsageError for what is no base URL, or has credentials in it
 */
export function toBackstageAddress(
  { against, token }: AgainstOptions,
  { env }: Pick<CliIo, 'env'>,
): BackstageAddress | undefined {
  if (against === undefined) {
    return undefined;
  }
  const url = URL.canParse(against) ? new URL(against) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(
      '--against must be the base URL of a Backstage backend, such as https://backstage.example.com',
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new UsageError(
      '--against must not carry credentials: use --token or BACKSTAGE_TOKEN',
    );
  }
  return {
    url: `${url.origin}${url.pathname.replace(/\/+$/, '')}`,
    // An empty variable is how scripts say that there is none.
    token: (token ?? env.BACKSTAGE_TOKEN)?.trim() || undefined,
  };
}

/** A client for the catalog plugin of one backend. */
export class BackstageClient {
  readonly #address: BackstageAddress;
  readonly #transport: HttpTransport;
  readonly #redact: Redact;
  readonly #signal: AbortSignal;

  /** @throws UsageError where the token cannot be sent */
  constructor(address: BackstageAddress, { clock, fetch, signal }: CliIo) {
    const { url, token } = address;
    this.#address = address;
    this.#redact = createRedactor(token === undefined ? [] : [token]);
    this.#signal = signal;
    try {
      this.#transport = new HttpTransport({
        baseUrl: url,
        headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
        redact: this.#redact,
        // One request at a time is no burden.
        limiter: { run: task => task(), observeResponse: () => undefined },
        clock,
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
        fetch,
      });
    } catch (error) {
      if (error instanceof InputError) {
        throw new UsageError(
          'The token for --against holds a character that cannot be sent, such as a line break',
        );
      }
      throw error;
    }
  }

  /**
   * Asks for something below `/api/catalog`.
   *
   * @returns what the schema makes of the answer
   * @throws CommandFailedError in words without secrets
   */
  async get<T>(
    path: string,
    query: Readonly<Record<string, string>>,
    schema: z.ZodType<T>,
  ): Promise<T> {
    return this.#parse(await this.#ask(path, query), schema);
  }

  /**
   * Asks for something that not every backend has.
   *
   * @returns `undefined` where there is no such thing, or none for this token
   * @throws CommandFailedError in words without secrets
   */
  async find<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
    const reply = await this.#ask(path, {});
    return reply.status === 403 || reply.status === 404
      ? undefined
      : this.#parse(reply, schema);
  }

  #parse<T>(reply: HttpReply, schema: z.ZodType<T>): T {
    if (reply.status !== 200) {
      throw this.#failure(this.#describeStatus(reply));
    }
    try {
      return schema.parse(new Answer(reply).json);
    } catch {
      throw this.#failure(
        'the answer is not that of a catalog. --against must be the base URL of the backend, not of the frontend',
      );
    }
  }

  /**
   * Reads a list to its end.
   *
   * @throws CommandFailedError also where there is no end
   */
  async readPages<T>(read: (next?: string) => Promise<Page<T>>): Promise<T[]> {
    const pages: (readonly T[])[] = [];
    const seen = new Set<string>();
    let next: string | undefined;
    do {
      const page = await read(next);
      pages.push(page.items);
      next = page.next;
      if (next !== undefined && seen.has(next)) {
        throw this.#failure('its pages go round in a circle');
      }
      if (seen.size >= MAX_PAGES) {
        throw this.#failure(`its pages never end: there are more than ${MAX_PAGES}`);
      }
      seen.add(next ?? '');
    } while (next !== undefined);
    return pages.flat();
  }

  async #ask(path: string, query: Readonly<Record<string, string>>): Promise<HttpReply> {
    const url = `${this.#address.url}/api/catalog${path}?${new URLSearchParams(query)}`;
    const signal = this.#signal;
    try {
      return await this.#transport.get({ kind: 'backstage', url }, { signal });
    } catch (error) {
      signal.throwIfAborted();
      throw this.#failure(describeError(error));
    }
  }

  #failure(cause: string): CommandFailedError {
    return new CommandFailedError(
      this.#redact(`The catalog at ${this.#address.url} cannot be read: ${cause}`),
    );
  }

  #describeStatus({ status, redirectedTo }: HttpReply): string {
    const { token, url } = this.#address;
    if (status >= 300 && status < 400) {
      const elsewhere = redirectedTo ? ` to ${redirectedTo}` : '';
      const where = redirectedTo === new URL(url).origin ? ' again and again' : elsewhere;
      return `${status}, it redirects${where}. Only the address that is given is asked: --against must be the base URL of the backend itself`;
    }
    switch (status) {
      case 401:
        return token === undefined
          ? '401, it wants to know who asks. Give it a token with BACKSTAGE_TOKEN or --token'
          : '401, it does not accept the token. Check that it has not expired, and that it is a token for the backend';
      case 403:
        return '403, the token may not read the catalog. It needs the permission catalog.entity.read';
      case 404:
        return '404, there is no catalog. --against must be the base URL of the backend, not of the frontend';
      default:
        return `it answered with status ${status}`;
    }
  }
}
