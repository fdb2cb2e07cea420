/** What the transport is asked, what it answers, and how it may be limited. */

/** What a request is for; the report and the metrics count by it. */
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

/** One question to Bitbucket. Only reading: discovery never writes to it. */
export interface HttpRequest {
  readonly kind: RequestKind;
  /** Absolute, encoded, without credentials; must lie on the configured origin. */
  readonly url: string;
  /** JSON, of the one question that has to be sent as POST. */
  readonly body?: string;
  /**
   * An attempt that ran out of time, here or at a proxy (504), is the last one: who asks has a
   * smaller question.
   */
  readonly isTimeoutFinal?: boolean;
}

/** An answer of any status, its body read to the end, or the beginning of a very long error. */
export interface HttpReply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  /**
   * Of a redirect that was not followed: scheme and host of where it leads. The rest of the
   * address may carry a session, and a host that shows a secret is left out.
   */
  readonly redirectedTo?: string;
  /**
   * The body of a success that was asked for unread; `body` is empty then. Whoever asked for
   * it reads it to the end or cancels it: until then it keeps its connection.
   */
  readonly stream?: ReadableStream<Uint8Array>;
}

/** How a request is sent. */
export interface SendOptions {
  readonly signal?: AbortSignal;
  /**
   * Milliseconds for waits and retries together; an attempt that has begun by then ends as
   * usual. Without it a request waits as long as it has to.
   */
  readonly maxWaitMs?: number;
  /** Leaves the body of a success unread, for {@link HttpReply.stream}: it may be of any size. */
  readonly unread?: boolean;
}

/**
 * A pace below this cannot be meant, whoever sets it, a person or the server: by default
 * a run has 25 minutes, and 1 request in 10 seconds is hardly more than a hundred in all.
 */
export const MIN_REQUESTS_PER_SECOND = 0.1;

/** How a provider wants to be limited: the key `rateLimit`. */
export type RateLimitSetting =
  | { readonly kind: 'auto' }
  | { readonly kind: 'off' }
  | {
      readonly kind: 'fixed';
      readonly requestsPerSecond: number;
      readonly burst: number;
    };

/**
 * For whom a request is: `read` for whoever wants a file by the URL reader, `discovery` for
 * runs, events and everything else.
 */
export type RequestClass = 'read' | 'discovery';

/** What one attempt ended with: an HTTP status or what kept it from having one. */
export type AttemptResult = number | 'network-error' | 'timeout' | 'aborted';

/** Told of everything that costs; the report, the progress display and the metrics listen. */
export interface RequestObserver {
  /**
   * After each attempt, each hop of a redirect included. `retry`: it repeats one that
   * failed.
   */
  onAttempt(attempt: { kind: RequestKind; result: AttemptResult; retry: boolean }): void;
  /** After a wait for a slot, a token, a pause or a retry's backoff; milliseconds. */
  onWait(wait: { reason: 'limiter' | 'backoff'; ms: number }): void;
}

/** Asks Bitbucket; the port the client depends on. */
export interface Transport {
  /**
   * Sends the request, with retries where they are due.
   *
   * @returns the last answer, whatever its status
   * @throws BitbucketServerNetworkError when the last attempt was not answered
   * @throws BitbucketServerTimeoutError when the last attempt ran out of time
   * @throws BitbucketServerResponseTooLargeError when the body of a success is larger than
   * allowed
   * @throws BitbucketServerWaitTooLongError when it could not be sent in time
   * @throws the signal's reason when aborted
   */
  get(request: HttpRequest, options?: SendOptions): Promise<HttpReply>;
}
