/** Requests to the transport, its replies, and how requests may be limited. */

/** The purpose of a request; the report and the metrics count requests by it. */
export type RequestKind =
  | 'repositories'
  | 'projects'
  | 'project-repositories'
  | 'repository'
  | 'file-check'
  | 'files-listing'
  | 'labels'
  | 'default-branch'
  | 'changes'
  | 'rate-limit-settings'
  | 'authentication-check'
  | 'application-properties'
  | 'search'
  | 'location-parser'
  | 'file-content'
  | 'file-size'
  | 'head-commit'
  | 'archive'
  | 'backstage';

/** One request to Bitbucket. It only reads: discovery never writes to Bitbucket. */
export interface HttpRequest {
  readonly kind: RequestKind;
  /** Absolute, encoded, without credentials; must lie on the configured origin. */
  readonly url: string;
  /** JSON, for the one request that has to be sent as POST. */
  readonly body?: string;
  /**
   * Whether an attempt that timed out, here or at a proxy (504), is not retried: the caller can
   * send a smaller request instead.
   */
  readonly isTimeoutFinal?: boolean;
}

/** An answer of any status, with its whole body, or only the beginning of a very long error. */
export interface HttpReply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  /**
   * Scheme and host of the target of a redirect that was not followed. The rest of the URL is
   * left out because it may contain a session; so is a host that contains a secret.
   */
  readonly redirectedTo?: string;
  /**
   * The body of a success that was requested with `unread`; `body` is empty then. The caller
   * must read it to the end or cancel it: until then it occupies its connection.
   */
  readonly stream?: ReadableStream<Uint8Array>;
}

/** How a request is sent. */
export interface SendOptions {
  readonly signal?: AbortSignal;
  /**
   * Milliseconds for all waits and retries together; an attempt that has already begun is
   * completed as usual. When left out, a request waits for as long as necessary.
   */
  readonly maxWaitMs?: number;
  /** Returns the body of a success as {@link HttpReply.stream}, so that it may be of any size. */
  readonly unread?: boolean;
}

/**
 * The lowest plausible rate, whether a person or the server sets it: by default, a run has 25
 * minutes, and at 1 request in 10 seconds that is hardly more than a hundred requests.
 */
export const MIN_REQUESTS_PER_SECOND = 0.1;

/** The rate limit that a provider asks for, from the key `rateLimit`. */
export type RateLimitSetting =
  | { readonly kind: 'auto' }
  | { readonly kind: 'off' }
  | {
      readonly kind: 'fixed';
      readonly requestsPerSecond: number;
      readonly burst: number;
    };

/**
 * Which limit applies to a request: `read` for callers of the URL reader, `discovery` for runs,
 * events and everything else.
 */
export type RequestClass = 'read' | 'discovery';

/** The result of one attempt: an HTTP status, or the reason why there is none. */
export type AttemptResult = number | 'network-error' | 'timeout' | 'aborted';

/** Receives all attempts and waits, for the report, the progress display and the metrics. */
export interface RequestObserver {
  /**
   * Called after each attempt, including each hop of a redirect. `retry` is true if the attempt
   * repeats one that failed.
   */
  onAttempt(attempt: { kind: RequestKind; result: AttemptResult; retry: boolean }): void;
  /** Called after a wait for a slot, a token, a pause or a retry's backoff; `ms`: milliseconds. */
  onWait(wait: { reason: 'limiter' | 'backoff'; ms: number }): void;
}

/** Sends requests to Bitbucket; the port that the client depends on. */
export interface Transport {
  /**
   * Sends the request and retries it where that may help.
   *
   * @returns the last answer, whatever its status
   * @throws BitbucketServerNetworkError when the last attempt was not answered
   * @throws BitbucketServerTimeoutError when the last attempt timed out
   * @throws BitbucketServerResponseTooLargeError when the body of a success is larger than
   * allowed
   * @throws BitbucketServerWaitTooLongError when it could not be sent in time
   * @throws the signal's reason when aborted
   */
  get(request: HttpRequest, options?: SendOptions): Promise<HttpReply>;
}
