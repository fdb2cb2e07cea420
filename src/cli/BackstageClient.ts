/**
 * Reads from a live Backstage backend, over the same transport as Bitbucket. Never sends the
 * token to another origin; errors say in one sentence why reading failed.
 */

import { InputError } from '@backstage/errors';
import { z } from 'zod';
import { Answer } from '../bitbucket/Answer';
import { HttpTransport } from '../http/HttpTransport';
import { createRedactor, Redact } from '../http/redact';
import { HttpReply } from '../http/types';
import { CliIo, CommandFailedError, describeError, UsageError } from './terminal';

/** The timeout of one attempt. */
const REQUEST_TIMEOUT_MS = 30_000;

/** At 500 Locations or 1,000 repositories per page, far more than any catalog has. */
const MAX_PAGES = 1_000;

/** The address of a backend and the token for it. */
export interface BackstageAddress {
  /** Base URL of the backend, without a trailing slash. */
  readonly url: string;
  readonly token?: string;
}

/** One page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  /** The cursor or offset of the next page; `undefined` on the last page. */
  readonly next?: string;
}

/** The options of commands that read from a running Backstage. */
export interface AgainstOptions {
  /** Base URL of a Backstage backend. */
  readonly against?: string;
  /** The token for that backend; defaults to `BACKSTAGE_TOKEN`. */
  readonly token?: string;
}

/**
 * Validates and normalizes the address.
 *
 * @returns `undefined` if `--against` is not given
 * @throws UsageError if the address is not a base URL, or contains credentials
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
      '--against must not contain credentials: use --token or BACKSTAGE_TOKEN',
    );
  }
  return {
    url: `${url.origin}${url.pathname.replace(/\/+$/, '')}`,
    // Scripts set the variable to an empty string to say that there is no token.
    token: (token ?? env.BACKSTAGE_TOKEN)?.trim() || undefined,
  };
}

/** A client for the catalog plugin of one backend. */
export class BackstageClient {
  readonly #address: BackstageAddress;
  readonly #transport: HttpTransport;
  readonly #redact: Redact;
  readonly #signal: AbortSignal;

  /** @throws UsageError if the token cannot be sent in a header */
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
        // Only one request is sent at a time, so no limit is needed.
        limiter: { run: task => task(), observeResponse: () => undefined },
        clock,
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
        fetch,
      });
    } catch (error) {
      if (error instanceof InputError) {
        throw new UsageError(
          'The token for --against contains a character that cannot be sent, such as a line break',
        );
      }
      throw error;
    }
  }

  /**
   * Reads a path under `/api/catalog`.
   *
   * @returns the answer as parsed by the schema
   * @throws CommandFailedError whose message contains no secrets
   */
  async get<T>(
    path: string,
    query: Readonly<Record<string, string>>,
    schema: z.ZodType<T>,
  ): Promise<T> {
    return this.#parse(await this.#request(path, query), schema);
  }

  /**
   * Reads a path that not every backend has.
   *
   * @returns `undefined` if it does not exist, or the token may not read it
   * @throws CommandFailedError whose message contains no secrets
   */
  async find<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
    const reply = await this.#request(path, {});
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
        'the answer does not come from a catalog. --against must be the base URL of the backend, not of the frontend',
      );
    }
  }

  /**
   * Reads all pages of a list.
   *
   * @throws CommandFailedError also if the pages repeat or never end
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
        throw this.#failure('its pages repeat');
      }
      if (seen.size >= MAX_PAGES) {
        throw this.#failure(`its pages never end: there are more than ${MAX_PAGES}`);
      }
      seen.add(next ?? '');
    } while (next !== undefined);
    return pages.flat();
  }

  async #request(
    path: string,
    query: Readonly<Record<string, string>>,
  ): Promise<HttpReply> {
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
      const target = redirectedTo ? ` to ${redirectedTo}` : '';
      const where = redirectedTo === new URL(url).origin ? ' again and again' : target;
      return `${status}, it redirects${where}. No other address is requested: --against must be the base URL of the backend itself`;
    }
    switch (status) {
      case 401:
        return token === undefined
          ? '401, it requires a token. Set BACKSTAGE_TOKEN or use --token'
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
