/**
 * A run's session with one Bitbucket: sends requests, distinguishes replies from failures, and
 * sends nothing more once the credentials have failed.
 */

import { Problem, Unanswered } from '../model';
import { HttpReply, HttpRequest, SendOptions, Transport } from '../http/types';
import { readUserName } from '../http/rateLimitHeaders';
import { raceAbort } from '../util/abort';
import { Answer } from './Answer';
import {
  describe,
  hasException,
  provesAuthenticated,
  toLoginProblem,
  toProblem,
} from './assessReply';
import {
  BitbucketServerCredentialsError,
  CredentialsProblem,
  toUnanswered,
} from './errors';
import { RestUrls } from './restUrls';
import { WirePage } from './wire';

/** Options of every request: it can be aborted, and may be urgent. */
export type RequestOptions = Omit<SendOptions, 'unread'>;

/** Options of a session. */
export interface SessionOptions {
  readonly transport: Transport;
  readonly apiBaseUrl: string;
  /** Where the credentials are configured, for messages. */
  readonly configuredAt: string;
  /** The credentials that requests carry: with any, an anonymous answer is an error. */
  readonly credentials: SentCredentials;
}

/** Content of the `Authorization` header: Basic for a password, Bearer for a token. */
export type SentCredentials = 'none' | 'password' | 'token';

/** Who Bitbucket took the caller for, or why that could not be determined. */
type Identity = 'user' | 'anonymous' | Problem;

const SAID_TO_ANONYMOUS: Problem = {
  reason: 'not-permitted',
  detail:
    'Bitbucket says that it does not exist, but treats the configured credentials as anonymous, and tells anonymous callers the same about everything private',
};

/** Sends requests with one set of credentials, as long as they work. */
export class Session {
  readonly urls: RestUrls;
  /** Settles with the first answer; until then no other request is sent. */
  #first: Promise<void> | undefined;
  /** The confirmation in progress; `undefined` while there is none. */
  #confirmation: Promise<Identity> | undefined;
  /** Nothing needs to be confirmed any more. */
  #trusted: boolean;
  /** An answer showed something that anonymous callers cannot see. */
  #sawPrivate = false;
  #credentialsError: BitbucketServerCredentialsError | undefined;

  constructor(private readonly options: SessionOptions) {
    this.urls = new RestUrls(options.apiBaseUrl);
    this.#trusted = options.credentials === 'none';
  }

  /**
   * Sends a request once; the transport retries where that is appropriate.
   *
   * @remarks The very first request is sent alone: with a wrong password, a few parallel
   * requests would be enough to lock the account.
   *
   * @returns the reply, or why there is none
   * @throws BitbucketServerCredentialsError at the first answer that shows that the
   * credentials do not work, and from then on without sending anything
   * @throws the signal's reason when aborted
   */
  async send(
    request: HttpRequest,
    options: SendOptions = {},
  ): Promise<Answer | Unanswered> {
    if (this.#first) {
      await raceAbort(this.#first, options.signal);
    }
    const answer = this.#sendOnce(request, options);
    if (this.#first || this.options.credentials === 'none') {
      return answer;
    }
    const settled = () => undefined;
    this.#first = answer.then(settled, settled);
    return answer;
  }

  /** Like `send`, for a page of a listing: also verifies that Bitbucket did not answer as to an anonymous caller. */
  async sendForPage(
    request: HttpRequest,
    options: RequestOptions = {},
  ): Promise<Answer | Unanswered> {
    const answer = await this.send(request, options);
    if (answer.kind === 'unknown' || !mayBeAnonymous(answer)) {
      return answer;
    }
    if (answer.status === 401 && this.options.credentials === 'none') {
      return this.#missingCredentials(answer);
    }
    const identity = await this.#identify(answer, options);
    if (identity === 'anonymous') {
      throw this.#failCredentials('anonymous');
    }
    return identity === 'user' ? answer : { kind: 'unknown', problem: identity };
  }

  /**
   * Verifies that an answer of "does not exist" was not meant for an anonymous caller, to
   * whom Bitbucket says so of everything private.
   *
   * @returns why the answer proves nothing; `undefined` where it proves the absence
   */
  async doubtAbsence(
    answer: Answer,
    options: RequestOptions = {},
  ): Promise<Problem | undefined> {
    const identity = await this.#identify(answer, options);
    if (identity === 'user') {
      return undefined;
    }
    return identity === 'anonymous' ? SAID_TO_ANONYMOUS : identity;
  }

  async #sendOnce(
    request: HttpRequest,
    options: SendOptions,
  ): Promise<Answer | Unanswered> {
    if (this.#credentialsError) {
      throw this.#credentialsError;
    }
    let reply: HttpReply;
    try {
      reply = await this.options.transport.get(request, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      return toUnanswered(error);
    }
    const answer = new Answer(reply);
    const problem = toLoginProblem(answer);
    if (problem === undefined) {
      return answer;
    }
    const { credentials } = this.options;
    if (credentials === 'none') {
      return this.#missingCredentials(answer);
    }
    const isOfPassword = problem === 'password-not-accepted';
    throw this.#failCredentials(
      isOfPassword && credentials === 'token' ? 'refused' : problem,
      isOfPassword || problem === 'not-verified' || problem === 'refused'
        ? describe(answer)
        : undefined,
    );
  }

  #missingCredentials(answer: Answer): Unanswered {
    const detail =
      `No credentials are configured (${this.options.configuredAt}), and Bitbucket shows nothing without them: ${describe(answer)}. ` +
      'Set token; where it comes from an environment variable, set that variable';
    return { kind: 'unknown', problem: { reason: 'not-permitted', detail } };
  }

  /**
   * Determines who Bitbucket took the caller for. A listing for an anonymous caller is shorter,
   * or empty, without any error. Every authenticated answer has `X-AUSERNAME`, but a proxy may
   * strip it, so its absence is confirmed by a request that only users may make.
   * Source: recorded answers; `GET /profile/recent/repos`, Bitbucket Data Center 10.0 OpenAPI.
   */
  async #identify(answer: Answer, options: RequestOptions): Promise<Identity> {
    if (this.#trusted || readUserName(answer.headers)) {
      return 'user';
    }
    this.#sawPrivate ||= provesAuthenticated(answer);
    // Listings that are read concurrently share one confirmation.
    this.#confirmation ??= this.#confirm(options).finally(() => {
      this.#confirmation = undefined;
    });
    return this.#confirmation;
  }

  async #confirm(options: RequestOptions): Promise<Identity> {
    const url = this.urls.recentRepositories();
    const answer = await this.send({ kind: 'authentication-check', url }, options);
    const problem = answer.kind === 'unknown' ? answer.problem : passingProblem(answer);
    if (problem) {
      const detail = `Whether Bitbucket accepts the credentials could not be confirmed. ${problem.detail}`;
      return { ...problem, detail };
    }
    // A project token has no user of its own, and may be refused this one request.
    const isRefused =
      answer.kind === 'answer' && hasException(answer, 'AuthorisationException');
    if (isRefused && !this.#sawPrivate) {
      return 'anonymous';
    }
    this.#trusted = true;
    return 'user';
  }

  #failCredentials(problem: CredentialsProblem, said?: string) {
    const { configuredAt } = this.options;
    this.#credentialsError = new BitbucketServerCredentialsError(
      problem,
      configuredAt,
      said,
    );
    return this.#credentialsError;
  }
}

/** An anonymous caller gets the same: a page, or a refusal. */
function mayBeAnonymous(answer: Answer): boolean {
  return answer.status === 401 || answer.read(WirePage) !== undefined;
}

/** The problem of a confirmation that was inconclusive now but may succeed later. */
function passingProblem(answer: Answer): Problem | undefined {
  const { status } = answer;
  const isFinal =
    answer.read(WirePage) !== undefined ||
    (status >= 400 && status < 500 && status !== 429);
  return isFinal ? undefined : toProblem(answer);
}
