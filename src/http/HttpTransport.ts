/**
 * The only file that calls `fetch`. Sends requests to one Bitbucket as
 * `retry(slots(tokens(attempt)))`, each attempt with its own time limit.
 *
 * Must not know the purpose of requests or the meaning of answers, and must not let a credential
 * reach another origin, a message or a URL. Called by the client.
 */

import { InputError } from '@backstage/errors';
import { Clock, TimeoutReached, withTimeout } from '../util/clock';
import { parseWebUrl } from '../util/parseUrls';
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
import { parseRateLimitHeaders, readUserName } from './rateLimitHeaders';
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

/** Largest body of a success that is read: 32 MiB. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

/** Part of the body that is read from an error, where it only serves messages: 256 KiB. */
const MAX_ERROR_BODY_BYTES = 256 * 1024;

/** The function that sends a request: the global one or a replacement. */
export type Fetch = typeof fetch;

/** For {@link HttpTransport}. */
export interface HttpTransportOptions {
  /** `apiBaseUrl` of the integration; requests go to its origin only. */
  readonly baseUrl: string;
  /** Sent with each request; contains `Authorization` if there are credentials. */
  readonly headers: Readonly<Record<string, string>>;
  /** Removes the secrets in the headers from texts. */
  readonly redact: Redact;
  /** From `LimiterRegistry`; each attempt waits for it, and it observes each answer. */
  readonly limiter: Pick<RequestLimiter, 'run' | 'observeResponse'>;
  readonly clock: Clock;
  /**
   * Time limit of each attempt, milliseconds: for the headers and for the body as far as it is
   * read here, not for the wait for the limiter.
   */
  readonly requestTimeoutMs: number;
  /** `discovery` when left out. */
  readonly requestClass?: RequestClass;
  readonly observer?: RequestObserver;
  /** When left out, the global function at the time of the call, so that tests may replace it. */
  readonly fetch?: Fetch;
}

interface Attempt {
  readonly request: HttpRequest;
  /** 1 for the first. */
  readonly number: number;
  readonly signal?: AbortSignal;
  readonly unread?: boolean;
  /** Milliseconds for which it may wait for the limiter. */
  readonly maxWaitMs?: number;
}

/** Sends requests to one Bitbucket with one credential. */
export class HttpTransport implements Transport {
  readonly #options: HttpTransportOptions;
  readonly #origin: string;
  readonly #headers: Headers;
  /** For answers that are not JSON: files and archives. */
  readonly #contentHeaders: Headers;

  /**
   * @throws InputError when the base URL is invalid or contains credentials, or when a header
   * cannot be sent
   */
  constructor(options: HttpTransportOptions) {
    const { baseUrl, headers } = options;
    const origin = parseWebUrl(baseUrl)?.origin;
    if (origin === undefined) {
      throw new InputError(
        `The base URL of Bitbucket must be an http or https URL without user and password: ` +
          `${displayUrl(baseUrl)}`,
      );
    }
    this.#options = options;
    this.#origin = origin;
    this.#headers = createOutgoingHeaders(headers);
    this.#contentHeaders = createOutgoingHeaders({ ...headers, Accept: '*/*' });
  }

  /**
   * Sends the request and retries it where that may help.
   *
   * @remarks Redirects within the origin are followed, others are returned without their body.
   * The body of an answer with an error status only serves messages: it is returned up to
   * {@link MAX_ERROR_BODY_BYTES}, with all secrets replaced.
   *
   * @returns the last answer, whatever its status
   * @throws BitbucketServerNetworkError when the last attempt was not answered
   * @throws BitbucketServerTimeoutError when the last attempt timed out
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
      // No slot is held here, so that other requests can go ahead during the backoff.
      await clock.sleep(ms, signal);
      observer?.onWait({ reason: 'backoff', ms });
    }
  }

  #refuseForeignOrigin(url: string): void {
    if (isOnOrigin(url, this.#origin)) return;
    const shown = this.#options.redact(displayUrl(url));
    throw new Error(
      `Refused to send a request to ${shown} with the credentials for ${this.#origin}`,
    );
  }

  /** Usually one exchange, several if the server redirects. Each one passes the limiter. */
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
      // A body is sent to the requested URL only.
      const isFollowed = outcome.kind === 'reply' && attempt.request.body === undefined;
      const target = isFollowed ? redirectTarget(outcome.reply, asked) : undefined;
      if (outcome.kind !== 'reply' || !target) return outcome;
      if (!isOnOrigin(target.href, this.#origin) || redirects === MAX_REDIRECTS) {
        return { ...outcome, reply: this.#withTarget(target, outcome.reply) };
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

  #withTarget({ protocol, host }: URL, reply: HttpReply): HttpReply {
    const isShown = /^https?:$/.test(protocol) && this.#options.redact(host) === host;
    return isShown ? { ...reply, redirectedTo: `${protocol}//${host}` } : reply;
  }

  async #exchange(url: string, attempt: Attempt): Promise<AttemptOutcome> {
    const { clock, requestTimeoutMs: ms, observer } = this.#options;
    const { request, number, signal } = attempt;
    const report = (result: AttemptResult) =>
      observer?.onAttempt({ kind: request.kind, result, retry: number > 1 });
    let outcome: SentOutcome;
    try {
      const limit = { clock, ms, signal };
      outcome = await withTimeout(stop => this.#send(url, stop, attempt), limit);
    } catch (error) {
      if (signal?.aborted) {
        report('aborted');
        throw signal.reason;
      }
      outcome =
        error instanceof TimeoutReached
          ? { kind: 'timeout' }
          : { kind: 'network-error', failure: describeNetworkFailure(error) };
    }
    report(toAttemptResult(outcome));
    return outcome;
  }

  /** If `fetch` ignores an abort, this continues in the background and still cleans up. */
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
        ? { method: 'GET', headers: unread ? this.#contentHeaders : this.#headers }
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

/** Returns a function for the milliseconds left of `ms`; `undefined` if there is no limit. */
function createCountdown(clock: Clock, ms: number | undefined): () => number | undefined {
  const startedAtMs = clock.monotonicMs();
  return () =>
    ms === undefined ? undefined : Math.max(0, ms - (clock.monotonicMs() - startedAtMs));
}
