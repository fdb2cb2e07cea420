/**
 * A run's conversation with one Bitbucket: sends, tells replies from failures, and stops
 * talking for good once the credentials have failed.
 */

import { Problem, Unanswered } from '../model';
import { HttpReply, HttpRequest, SendOptions, Transport } from '../http/types';
import { readUserName } from '../http/userName';
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

/** Every question can be aborted, and may have to be sent soon. */
export type AskOptions = Omit<SendOptions, 'unread'>;

/** What a session needs. */
export interface SessionOptions {
  readonly transport: Transport;
  readonly apiBaseUrl: string;
  /** Where the credentials are configured, for messages. */
  readonly configuredAt: string;
  /** What requests carry: where it is anything, an anonymous answer is an error. */
  readonly credentials: SentCredentials;
}

/** What requests carry as `Authorization`: a password goes as Basic, a token as Bearer. */
export type SentCredentials = 'none' | 'password' | 'token';

/** To whom a reply was given, or why that could not be found out. */
type Identity = 'user' | 'anonymous' | Problem;

const SAID_TO_ANONYMOUS: Problem = {
  reason: 'not-permitted',
  detail:
    'Bitbucket says that it does not exist, but treats the configured credentials as anonymous, and to anonymous callers it says that of everything private',
};

/** Asks with one set of credentials, as long as they work. */
export class Session {
  readonly urls: RestUrls;
  readonly #options: SessionOptions;
  /** Settles with the first answer; until then nothing else is asked. */
  #first: Promise<void> | undefined;
  /** Under way; `undefined` while there is none. */
  #confirmation: Promise<Identity> | undefined;
  /** Nothing is to be confirmed any more. */
  #trusted: boolean;
  /** Something was shown that no anonymous caller is shown. */
  #sawPrivate = false;
  #credentialsError: BitbucketServerCredentialsError | undefined;

  constructor(options: SessionOptions) {
    this.urls = new RestUrls(options.apiBaseUrl);
    this.#options = options;
    this.#trusted = options.credentials === 'none';
  }

  /**
   * Asks once; the transport repeats where that is due.
   *
   * @remarks The very first request goes alone: were the password wrong, a handful of them
   * at once would be enough to lock the account.
   *
   * @returns the reply, or why there is none
   * @throws BitbucketServerCredentialsError at the first answer that shows that the
   * credentials do not work, and from then on without asking
   * @throws the signal's reason when aborted
   */
  async ask(
    request: HttpRequest,
    options: SendOptions = {},
  ): Promise<Answer | Unanswered> {
    if (this.#first) {
      await raceAbort(this.#first, options.signal);
    }
    const answer = this.#send(request, options);
    if (this.#first || this.#options.credentials === 'none') {
      return answer;
    }
    const settled = () => undefined;
    this.#first = answer.then(settled, settled);
    return answer;
  }

  /** Like `ask`, for a page of a listing: also makes sure that it was not answered as to an anonymous caller. */
  async askForListing(
    request: HttpRequest,
    options: AskOptions = {},
  ): Promise<Answer | Unanswered> {
    const answer = await this.ask(request, options);
    if (answer.kind === 'unknown' || !mayBeAnonymous(answer)) {
      return answer;
    }
    if (answer.status === 401 && this.#options.credentials === 'none') {
      return this.#missingCredentials(answer);
    }
    const identity = await this.#identify(answer, options);
    if (identity === 'anonymous') {
      throw this.#failCredentials('anonymous');
    }
    return identity === 'user' ? answer : { kind: 'unknown', problem: identity };
  }

  /**
   * Makes sure that an answer that says that something does not exist was not given to an
   * anonymous caller, for whom what is private does not exist.
   *
   * @returns why that answer proves nothing; `undefined` where it does
   */
  async doubtAbsence(
    answer: Answer,
    options: AskOptions = {},
  ): Promise<Problem | undefined> {
    const identity = await this.#identify(answer, options);
    if (identity === 'user') {
      return undefined;
    }
    return identity === 'anonymous' ? SAID_TO_ANONYMOUS : identity;
  }

  async #send(request: HttpRequest, options: SendOptions): Promise<Answer | Unanswered> {
    if (this.#credentialsError) {
      throw this.#credentialsError;
    }
    let reply: HttpReply;
    try {
      reply = await this.#options.transport.get(request, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      return toUnanswered(error);
    }
    const answer = new Answer(reply);
    const problem = toLoginProblem(answer);
    if (problem === undefined) {
      return answer;
    }
    const { credentials } = this.#options;
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
      `No credentials are configured (${this.#options.configuredAt}), and Bitbucket shows nothing without: ${describe(answer)}. ` +
      'Set token; where it comes from an environment variable, set that variable';
    return { kind: 'unknown', problem: { reason: 'not-permitted', detail } };
  }

  /**
   * Finds out to whom a reply was given. A listing for an anonymous caller is shorter, or
   * empty, without any error. `X-AUSERNAME` is on every authenticated answer, but a proxy may
   * strip it, so its absence is confirmed by a request only users may make.
   * Source: recorded answers; `GET /profile/recent/repos`, Bitbucket Data Center 10.0 OpenAPI.
   */
  async #identify(answer: Answer, options: AskOptions): Promise<Identity> {
    if (this.#trusted || readUserName(answer.headers)) {
      return 'user';
    }
    this.#sawPrivate ||= provesAuthenticated(answer);
    // Listings that are read at the same time share one confirmation.
    this.#confirmation ??= this.#confirm(options).finally(() => {
      this.#confirmation = undefined;
    });
    return this.#confirmation;
  }

  async #confirm(options: AskOptions): Promise<Identity> {
    const url = this.urls.recentRepositories();
    const answer = await this.ask({ kind: 'authentication-check', url }, options);
    const problem = answer.kind === 'unknown' ? answer.problem : passingProblem(answer);
    if (problem) {
      const detail = `Whether Bitbucket accepts the credentials could not be confirmed. ${problem.detail}`;
      return { ...problem, detail };
    }
    // A token of a project has no user of its own, and may be refused this one question.
    const isRefused =
      answer.kind === 'answer' && hasException(answer, 'AuthorisationException');
    if (isRefused && !this.#sawPrivate) {
      return 'anonymous';
    }
    this.#trusted = true;
    return 'user';
  }

  #failCredentials(problem: CredentialsProblem, said?: string) {
    const { configuredAt } = this.#options;
    this.#credentialsError = new BitbucketServerCredentialsError(
      problem,
      configuredAt,
      said,
    );
    return this.#credentialsError;
  }
}

/** What an anonymous caller gets too: a page, or the refusal of one. */
function mayBeAnonymous(answer: Answer): boolean {
  return answer.status === 401 || answer.read(WirePage) !== undefined;
}

/** An answer to the confirmation that says nothing now and may do so later. */
function passingProblem(answer: Answer): Problem | undefined {
  const { status } = answer;
  const isFinal =
    answer.read(WirePage) !== undefined ||
    (status >= 400 && status < 500 && status !== 429);
  return isFinal ? undefined : toProblem(answer);
}
