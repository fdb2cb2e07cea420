/**
 * A simulated Bitbucket Data Center: a function from request to answer, with in-memory content.
 * Tests mount `handle` in msw; the demo, the command line's tests and the benchmark put it on
 * a socket with `serve`.
 */
import { type Clock, systemClock } from '../../src/util/clock';
import type { AuthenticationRules } from './auth';
import { SimulatedContent } from './content';
import { Faults } from './faults';
import { createFetchHandler } from './fetchHandler';
import { type AnswerRequest, type AnswerSettings, createAnswerRequest } from './handle';
import { SimulatedRateLimit } from './rateLimit';
import { type JsonObject, RepositoryJson } from './repositoryJson';
import { type LoggedRequest, RequestLog } from './requestLog';
import type { PageCaps, ServerSettings } from './routes/route';
import { indexNow, SEARCH_OFF, type SearchSettings } from './routes/search';
import type { RateLimitOptions } from './tokenBucket';
import type { UserOptions } from './users';
import {
  type WebhookDetails,
  type WebhookEventKey,
  type WebhookRequest,
  buildWebhook,
} from './webhooks';

export { NO_COMMIT, type RefChange } from './git';
export type { AddRepositoryOptions } from './modelTypes';
export type { UserOptions } from './users';
export type { Fault, FaultMatch, FaultOptions } from './faults';
export type { FaultEffect } from './faultEffects';
export type { JsonObject } from './repositoryJson';
export type { LoggedRequest } from './requestLog';
export type { PageCaps } from './routes/route';
export type { RateLimitOptions } from './tokenBucket';
export { type ServedBitbucket, serve } from './serve';
export type { WebhookDetails, WebhookEventKey, WebhookRequest } from './webhooks';

/** The options of a simulated server. All have defaults. */
export interface SimulatedBitbucketOptions {
  /**
   * Where clients find the server, with context path. Default `http://bitbucket.test`.
   * `serve` replaces scheme, host and port by its own.
   */
  baseUrl?: string;
  /** The server's own base URL, used in its links. Default: `baseUrl`. */
  linkBaseUrl?: string;
  users?: readonly UserOptions[];
  /** Public access is on. Default `false`. */
  anonymousAccess?: boolean;
  /** The treatment of an expired or unknown Bearer token. Default `rejected`. */
  invalidTokens?: AuthenticationRules['invalidTokens'];
  /** Number of refused passwords after which a CAPTCHA is required. Default: never. */
  captchaAfterFailures?: number;
  /** Default `enabled`; otherwise the format of the answer that refuses passwords. */
  basicAuthentication?: AuthenticationRules['basicAuthentication'];
  pageCaps?: Partial<PageCaps>;
  /** How pages treat rows that the user may not see. Default `skipped`. */
  hiddenRows?: ServerSettings['hiddenRows'];
  /** Whether the former address of a renamed or moved repository still answers. Default `false`. */
  followsMoves?: boolean;
  /** The answer of an empty repository without `at`. Default `EmptyRepositoryException`. */
  emptyRepositories?: ServerSettings['emptyRepositories'];
  /** Default: requests are not limited. */
  rateLimit?: RateLimitOptions;
  /** Default: the system clock. */
  clock?: Clock;
  /** Default `9.4.3`. */
  version?: string;
  /** Milliseconds before each answer. Default 0. */
  latencyMs?: number;
  /** Send `X-AUSERNAME`; `false` is a proxy that strips it. Default `true`. */
  userHeaders?: boolean;
  /** Code search. Default: not available. */
  search?: Partial<SearchSettings>;
}

const DEFAULT_PAGE_CAPS: PageCaps = {
  repositories: 1000,
  projects: 1000,
  labels: 1000,
  branches: 1000,
  directoryChildren: 1000,
  files: 100_000,
  lines: 5000,
  changes: 1000,
};

/** A simulated server: its content with mutators, its behaviour and its request log. */
export class SimulatedBitbucket extends SimulatedContent {
  /** The faults on demand. */
  readonly faults = new Faults();
  /** How the server behaves; may be changed between requests. */
  readonly settings: ServerSettings & AuthenticationRules & AnswerSettings;
  /** Answers one request. */
  readonly answerRequest: AnswerRequest;
  /** The same in the form of fetch; `Response.error()` represents a broken connection. */
  readonly handle: (request: Request) => Promise<Response>;
  readonly #clock: Clock;
  readonly #rateLimit: SimulatedRateLimit;
  readonly #log = new RequestLog();
  readonly #json = new RepositoryJson(this, () => this.linkBaseUrl);
  #linkBaseUrl?: string;
  #baseUrl = '';
  #contextPath = '';

  constructor(options: SimulatedBitbucketOptions = {}) {
    const clock = options.clock ?? systemClock;
    super(() => clock.now());
    this.#clock = clock;
    this.baseUrl = options.baseUrl ?? 'http://bitbucket.test';
    this.#linkBaseUrl = options.linkBaseUrl && trimSlash(options.linkBaseUrl);
    this.#rateLimit = new SimulatedRateLimit(options.rateLimit);
    this.settings = toSettings(options);
    options.users?.forEach(user => this.addUser(user));
    this.answerRequest = createAnswerRequest({
      model: this,
      json: this.#json,
      faults: this.faults,
      rateLimit: this.#rateLimit,
      log: this.#log,
      clock,
      settings: this.settings,
      contextPath: () => this.#contextPath,
    });
    this.handle = createFetchHandler(this.answerRequest);
  }

  /** Where clients find the server, without trailing slash. */
  get baseUrl(): string {
    return this.#baseUrl;
  }

  set baseUrl(url: string) {
    this.#baseUrl = trimSlash(url);
    this.#contextPath = trimSlash(new URL(url).pathname);
  }

  /** The base URL of links, without trailing slash. */
  get linkBaseUrl(): string {
    return this.#linkBaseUrl ?? this.#baseUrl;
  }

  set linkBaseUrl(url: string) {
    this.#linkBaseUrl = trimSlash(url);
  }

  /** The `apiBaseUrl` of an integration: `<baseUrl>/rest/api/1.0`. */
  get apiBaseUrl(): string {
    return `${this.#baseUrl}/rest/api/1.0`;
  }

  /** Every request so far, oldest first. */
  get requests(): readonly LoggedRequest[] {
    return this.#log.entries;
  }

  clearRequests(): void {
    this.#log.clear();
  }

  /** Requests being answered now. */
  get inFlight(): number {
    return this.#log.inFlight;
  }

  /** The highest number of concurrent requests since `clearRequests`. */
  get peakInFlight(): number {
    return this.#log.peakInFlight;
  }

  /** Requests refused with 429 so far. */
  get rateLimitedCount(): number {
    return this.#rateLimit.refused;
  }

  /** Updates the index of code search to the current content. */
  freezeSearchIndex(): void {
    this.settings.search.index = indexNow(this);
  }

  /** Changes the rate limit and fills every bucket; `undefined` switches it off. */
  setRateLimit(rateLimit: RateLimitOptions | undefined): void {
    this.#rateLimit.configure(rateLimit);
  }

  /** Takes tokens of a user, as the user's other clients would. */
  spendTokens(userName: string, count: number): void {
    this.#rateLimit.spend(this.getUser(userName), count, this.#clock.now());
  }

  /** Returns a repository as the REST API shows it now, for the `old` of webhooks. */
  repositoryJson(projectKey: string, slug: string): JsonObject {
    return this.#json.repository(this.getRepository(projectKey, slug));
  }

  /**
   * Returns a project as the REST API shows it now, for the `old` of webhooks.
   *
   * @returns `undefined` when the project does not exist
   */
  projectJson(projectKey: string): JsonObject | undefined {
    const project = this.findProject(projectKey);
    return project && this.#json.project(project);
  }

  /**
   * Builds the webhook request that Bitbucket would send about the current content.
   *
   * @param eventKey - such as `repo:refs_changed`
   * @param details - the subject of the event; `writeFile` returns the `changes` of a push
   * @param delivery - `secret` signs the body, `actor` is the name of the acting user
   */
  webhook<K extends WebhookEventKey>(
    eventKey: K,
    details: WebhookDetails[K],
    delivery: { secret?: string; actor?: string } = {},
  ): WebhookRequest {
    const now = this.#clock.now();
    return buildWebhook(this, this.#json, eventKey, details, { ...delivery, now });
  }
}

/** Creates a simulated server. */
export function createSimulatedBitbucket(
  options: SimulatedBitbucketOptions = {},
): SimulatedBitbucket {
  return new SimulatedBitbucket(options);
}

function toSettings(
  options: SimulatedBitbucketOptions,
): ServerSettings & AuthenticationRules & AnswerSettings {
  return {
    anonymousAccess: options.anonymousAccess ?? false,
    invalidTokens: options.invalidTokens ?? 'rejected',
    captchaAfterFailures: options.captchaAfterFailures,
    basicAuthentication: options.basicAuthentication ?? 'enabled',
    userDirectory: 'available',
    pageCaps: { ...DEFAULT_PAGE_CAPS, ...options.pageCaps },
    hiddenRows: options.hiddenRows ?? 'skipped',
    followsMoves: options.followsMoves ?? false,
    emptyRepositories: options.emptyRepositories ?? 'EmptyRepositoryException',
    version: options.version ?? '9.4.3',
    latencyMs: options.latencyMs ?? 0,
    userHeaders: options.userHeaders ?? true,
    search: {
      ...SEARCH_OFF,
      available: options.search !== undefined,
      ...options.search,
    },
  };
}

function trimSlash(url: string): string {
  return url.replace(/\/+$/, '');
}
