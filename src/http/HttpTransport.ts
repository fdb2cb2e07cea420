/**
 * The only file that calls `fetch`. Sends questions to one Bitbucket:
 * `retry(slots(tokens(attempt)))`, each attempt with its own time limit.
 *
 * Must not know what is asked for or what the answers mean, and must not let a
 * credential reach another origin, a message or a URL. Called by the client.
 */

import { InputError } from '@backstage/errors';
import { Clock, TimeoutReached, withTimeout } from '../util/clock';
import {
  AttemptOutcome,
  decideRetryDelayMs,
  SentOutcome,
  toAttemptResult,
  toReplyOrThrow,
} from './attemptOutcome';
import { describeNetworkFailure, displayUrl } from './errors';
import {
  createOutgoingHeaders,
  isOnOrigin,
  isRedirect,
  MAX_REDIRECTS,
  redirectTarget,
  withJson,
} from './origin';
import { BodyLimit, discardBody, readBody } from './readBody';
import { parseRateLimitHeaders } from './rateLimitHeaders';
import { Redact } from './redact';
import { RequestLimiter, RunOptions } from './RequestLimiter';
import {
  AttemptResult,
  HttpReply,
  HttpRequest,
  RequestClass,
  RequestObserver,
  SendOptions,
  Transport,
} from './types';
import { readUserName } from './userName';

/** Bodies are read up to this size: 32 MiB. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

/** Of the answer of an error, which is only good for messages: 256 KiB. */
const MAX_ERROR_BODY_BYTES = 256 * 1024;

/** What sends a request: the global function, or one in its place. */
export type Fetch = typeof fetch;

/** For {@link HttpTransport}. */
export interface HttpTransportOptions {
  /** `apiBaseUrl` of the integration; its origin is the only one that is ever asked. */
  readonly baseUrl: string;
  /** Sent with each request; `Authorization`, where there are credentials. */
  readonly headers: Readonly<Record<string, string>>;
  /** Takes what is secret in the headers out of texts. */
  readonly redact: Redact;
  /** From `LimiterRegistry`; asked for every attempt and told of every answer. */
  readonly limiter: Pick<RequestLimiter, 'run' | 'observeResponse'>;
  readonly clock: Clock;
  /**
   * For each attempt, headers and the body as far as it is read here, without the wait for
   * the limiter; milliseconds.
   */
  readonly requestTimeoutMs: number;
  /** `discovery` when left out. */
  readonly requestClass?: RequestClass;
  readonly observer?: RequestObserver;
  /** The global one of the moment when left out, so that tests may replace that. */
  readonly fetch?: Fetch;
}

interface Attempt {
  readonly request: HttpRequest;
  /** 1 for the first. */
  readonly number: number;
  readonly signal?: AbortSignal;
  readonly unread?: boolean;
  /** Milliseconds it may wait for its turn. */
  readonly maxWaitMs?: number;
}

/** Asks one Bitbucket with one credential. */
export class HttpTransport implements Transport {
  readonly #options: HttpTransportOptions;
  readonly #origin: string;
  readonly #headers: Headers;
  /** For what is not JSON: files and archives. */
  readonly #headersOfContent: Headers;

  /**
   * @throws InputError when the base URL is none or carries credentials, or when a header
   * cannot be sent
   */
  constructor(options: HttpTransportOptions) {
    const { baseUrl, headers } = options;
    const origin = URL.canParse(baseUrl) ? new URL(baseUrl).origin : '';
    if (!/^https?:/.test(origin) || !isOnOrigin(baseUrl, origin)) {
      throw new InputError(
        `The base URL of Bitbucket must be an http or https URL without user and password: ` +
          `${displayUrl(baseUrl)}`,
      );
    }
    this.#options = options;
    this.#origin = origin;
    this.#headers = createOutgoingHeaders(headers);
    this.#headersOfContent = createOutgoingHeaders({ ...headers, Accept: '*/*' });
  }

  /**
   * Sends the request, with retries where they are due.
   *
   * @remarks Redirects within the origin are followed, others returned unread. The body
   * of an answer with an error status is only good for messages: it is returned with all
   * secrets replaced, and no more than its beginning ({@link MAX_ERROR_BODY_BYTES}).
   *
   * @returns the last answer, whatever its status
   * @throws BitbucketServerNetworkError when the last attempt had no answer
   * @throws BitbucketServerTimeoutError when the last attempt ran out of time
   * @throws BitbucketServerResponseTooLargeError when the body of a success is larger than
   * allowed
   * @throws BitbucketServerWaitTooLongError when it could not be sent within `maxWaitMs`
   * @throws Error when the URL is not on the configured origin; nothing is sent
   * @throws the signal's reason when aborted
   */
  async get(request: HttpRequest, options: SendOptions = {}): Promise<HttpReply> {
    const { signal, unread } = options;
    const { clock, requestTimeoutMs, observer } = this.#options;
    this.#refuseForeignOrigin(request.url);
    const leftMs = createCountdown(clock, options.maxWaitMs);
    for (let number = 1; ; number += 1) {
      signal?.throwIfAborted();
      const attempt = { request, number, signal, unread, maxWaitMs: leftMs() };
      const outcome = await this.#attempt(attempt);
      const { isTimeoutFinal } = request;
      const ms = decideRetryDelayMs(outcome, number, clock.random(), isTimeoutFinal);
      if (ms === undefined || ms >= (leftMs() ?? Infinity)) {
        return toReplyOrThrow(outcome, {
          url: this.#options.redact(request.url),
          attempts: outcome.kind === 'not-sent' ? number - 1 : number,
          timeoutMs: requestTimeoutMs,
          maxBytes: MAX_BODY_BYTES,
        });
      }
      // Here no slot is held: others go ahead while this one sleeps.
      await clock.sleep(ms, signal);
      observer?.onWait({ reason: 'backoff', ms });
    }
  }

  #refuseForeignOrigin(url: string): void {
    if (isOnOrigin(url, this.#origin)) return;
    const shown = this.#options.redact(displayUrl(url));
    throw new Error(`Refused to ask ${shown} with the credentials for ${this.#origin}`);
  }

  /** Usually one exchange, a few where the server redirects. Each pays the limiter. */
  async #attempt(attempt: Attempt): Promise<AttemptOutcome> {
    const { observer, requestClass } = this.#options;
    const onWait = (ms: number) => observer?.onWait({ reason: 'limiter', ms });
    let url = attempt.request.url;
    for (let redirects = 0; ; redirects += 1) {
      const asked = url;
      const exchange = () => this.#exchange(asked, attempt);
      const outcome = await this.#inTurn(exchange, {
        ...attempt,
        onWait,
        requestClass,
      });
      // What is sent goes nowhere but where it was meant to.
      const isFollowed = outcome.kind === 'reply' && attempt.request.body === undefined;
      const target = isFollowed ? redirectTarget(outcome.reply, asked) : undefined;
      if (outcome.kind !== 'reply' || !target) return outcome;
      if (!isOnOrigin(target.href, this.#origin) || redirects === MAX_REDIRECTS) {
        return { ...outcome, reply: this.#leadingTo(target, outcome.reply) };
      }
      url = target.href;
    }
  }

  async #inTurn(
    exchange: () => Promise<AttemptOutcome>,
    options: RunOptions,
  ): Promise<AttemptOutcome> {
    try {
      return await this.#options.limiter.run(exchange, options);
    } catch (error) {
      if (error instanceof TimeoutReached) return { kind: 'not-sent' };
      throw error;
    }
  }

  #leadingTo({ protocol, host }: URL, reply: HttpReply): HttpReply {
    const isShown = /^https?:$/.test(protocol) && this.#options.redact(host) === host;
    return isShown ? { ...reply, redirectedTo: `${protocol}//${host}` } : reply;
  }

  async #exchange(url: string, attempt: Attempt): Promise<AttemptOutcome> {
    const { clock, requestTimeoutMs: ms, observer } = this.#options;
    const { request, number, signal } = attempt;
    const tell = (result: AttemptResult) =>
      observer?.onAttempt({ kind: request.kind, result, retry: number > 1 });
    let outcome: SentOutcome;
    try {
      const limit = { clock, ms, signal };
      outcome = await withTimeout(stop => this.#send(url, stop, attempt), limit);
    } catch (error) {
      if (signal?.aborted) {
        tell('aborted');
        throw signal.reason;
      }
      outcome =
        error instanceof TimeoutReached
          ? { kind: 'timeout' }
          : { kind: 'network-error', failure: describeNetworkFailure(error) };
    }
    tell(toAttemptResult(outcome));
    return outcome;
  }

  /** Goes on unseen after an abort that `fetch` ignores, and then still cleans up. */
  async #send(
    url: string,
    signal: AbortSignal,
    { request: { body: sent }, unread }: Attempt,
  ): Promise<SentOutcome> {
    const { limiter, clock } = this.#options;
    const send = this.#options.fetch ?? globalThis.fetch;
    const sentAtMs = clock.monotonicMs();
    const response = await send(url, {
      ...(sent === undefined
        ? { method: 'GET', headers: unread ? this.#headersOfContent : this.#headers }
        : { method: 'POST', headers: withJson(this.#headers), body: sent }),
      redirect: 'manual',
      signal,
    });
    const { status, headers } = response;
    const hint = parseRateLimitHeaders(headers, clock.now());
    limiter.observeResponse({
      status,
      hint,
      tookMs: clock.monotonicMs() - sentAtMs,
      userName: readUserName(headers),
    });
    if (signal.aborted || isRedirect(status)) {
      discardBody(response);
      return { kind: 'reply', reply: { status, headers, body: '' } };
    }
    const isError = status >= 400;
    if (unread && !isError && response.body) {
      return {
        kind: 'reply',
        reply: { status, headers, body: '', stream: response.body },
      };
    }
    const body = await readBody(response, this.#bodyLimit(isError), signal);
    if (body.kind === 'too-large') return { kind: 'too-large', status };
    const text = isError ? this.#options.redact(body.text) : body.text;
    const reply = { status, headers, body: text };
    return { kind: 'reply', reply, retryAfterMs: hint.retryAfterMs };
  }

  #bodyLimit(isError: boolean): BodyLimit {
    return isError
      ? { maxBytes: MAX_ERROR_BODY_BYTES, whenLarger: 'cut' }
      : { maxBytes: MAX_BODY_BYTES, whenLarger: 'refuse' };
  }
}

/** Milliseconds left of a time; `undefined` where there is no limit. */
function createCountdown(clock: Clock, ms: number | undefined): () => number | undefined {
  const startedAtMs = clock.monotonicMs();
  return () =>
    ms === undefined ? undefined : Math.max(0, ms - (clock.monotonicMs() - startedAtMs));
}
