/**
 * Answers requests: latency, faults, authentication, the rate limit, then the route. `index.ts`
 * combines it with the content; the socket of `serve.ts` calls it directly, msw through
 * `fetchHandler.ts`. It avoids the `Request` and `Response` of fetch, which cost more than
 * everything else, so that benchmarks do not measure the simulator itself.
 */
import type { Clock } from '../../src/util/clock';
import { type AuthenticationRules, authenticate, requireAccess } from './auth';
import { BasicAuthenticationDisabled, BitbucketException } from './errors';
import { type ParsedRequest, type SimulatedRequest, parseRequest } from './facts';
import {
  type FaultEffect,
  htmlReply,
  methodNotAllowedReply,
  spoil,
  toFaultReply,
  toSlowBody,
  unknownRouteReply,
} from './faultEffects';
import type { Faults } from './faults';
import type { SimulatedModel } from './model';
import { RATE_LIMITED_BODY, type SimulatedRateLimit } from './rateLimit';
import type { RepositoryJson } from './repositoryJson';
import type { RequestLog } from './requestLog';
import { type Reply, type ServerSettings, isServedBy, jsonReply } from './routes/route';
import { type Viewer, anonymousViewer, withoutPermissions } from './viewer';

/** The parts of the server and its behaviour. May be changed between requests. */
export interface ServerParts {
  readonly model: SimulatedModel;
  readonly json: RepositoryJson;
  readonly faults: Faults;
  readonly rateLimit: SimulatedRateLimit;
  readonly log: RequestLog;
  readonly clock: Clock;
  readonly settings: ServerSettings & AuthenticationRules & AnswerSettings;
  /** For example `/bitbucket`, or empty. */
  readonly contextPath: () => string;
}

/** How answers are sent, regardless of their content. */
export interface AnswerSettings {
  /** Milliseconds before each answer. */
  latencyMs: number;
  /** Whether to send `X-AUSERNAME` and `X-AUSERID`, which a proxy may strip. */
  userHeaders: boolean;
}

/** The response to the client. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** `null` where the status allows none. */
  readonly body: string | ReadableStream<Uint8Array> | null;
}

/** `undefined` represents a broken connection: a reset, or a request that the client aborted. */
export type AnswerRequest = (request: SimulatedRequest) => Promise<Answer | undefined>;

/** Creates the function that answers requests. */
export function createAnswerRequest(parts: ServerParts): AnswerRequest {
  return async request => {
    const { body } = request;
    const parsed = { ...parseRequest(request, parts.contextPath()), body };
    const entry = parts.log.start(parsed, parts.clock.now());
    try {
      const response = await respond(parts, parsed, request, entry);
      entry.status = response?.status;
      return response;
    } catch (error) {
      if (request.signal.aborted) {
        return undefined;
      }
      throw error;
    } finally {
      parts.log.end();
    }
  };
}

/** A request with its body. */
interface Asked extends ParsedRequest {
  /** Of a POST. */
  readonly body: string;
}

/** The data that the request log collects while a request is answered. */
interface Who {
  user?: string;
  authorised: boolean;
}

async function respond(
  parts: ServerParts,
  parsed: Asked,
  request: Pick<SimulatedRequest, 'signal'>,
  who: Who,
): Promise<Answer | undefined> {
  const { clock, settings } = parts;
  const effects = parts.faults.hit(parsed.facts);
  const delays = effects.filter(effect => effect.type === 'delay');
  const waitMs = delays.reduce((sum, { ms }) => sum + ms, settings.latencyMs);
  if (waitMs > 0) {
    await clock.sleep(waitMs, request.signal);
  }
  const effect = effects.find(({ type }) => type !== 'delay');
  if (effect?.type === 'reset') {
    return undefined;
  }
  if (effect?.type === 'hang') {
    return untilAborted(request.signal);
  }
  const spoilt = effect && toFaultReply(effect);
  const reply = spoilt ?? answer(parts, parsed, who, effect);
  if (!effect) {
    return toAnswer(reply, reply.body);
  }
  const spoiled = spoil(effect, reply);
  const isSlow = effect.type === 'slow-body' && spoiled.body !== '';
  return toAnswer(
    spoiled,
    isSlow ? toSlowBody(spoiled.body, effect, clock, request.signal) : spoiled.body,
  );
}

/** The right answer. */
function answer(
  parts: ServerParts,
  parsed: Asked,
  who: Who,
  effect: FaultEffect | undefined,
): Reply {
  if (!parsed.inside) {
    return htmlReply(
      404,
      '<html><body><h1>HTTP Status 404 - Not Found</h1></body></html>',
    );
  }
  const requestId = { 'X-AREQUESTID': parts.log.nextRequestId(parts.clock.now()) };
  let headers: Record<string, string> = requestId;
  try {
    const { settings, model } = parts;
    const signedIn = authenticate(parsed.facts.credentials, model.users, settings);
    const { user } = signedIn;
    if (user) {
      who.user = user.name;
      who.authorised = true;
      headers = { ...headers, ...(settings.userHeaders ? toUserHeaders(signedIn) : {}) };
      const verdict = parts.rateLimit.admit(user, parts.clock.now());
      headers = { ...headers, ...verdict.headers };
      if (!verdict.allowed) {
        return { ...jsonReply(RATE_LIMITED_BODY, 429), headers };
      }
    }
    const viewer =
      effect?.type === 'lost-permission' ? withoutPermissions(signedIn) : signedIn;
    return withHeaders(answerRoute(parts, parsed, viewer), headers);
  } catch (error) {
    if (error instanceof BitbucketException) {
      const reply = jsonReply(error.body, error.status);
      return withHeaders({ ...reply, headers: error.headers }, headers);
    }
    if (error instanceof BasicAuthenticationDisabled) {
      const reply = jsonReply(error.body, error.status);
      const contentType = error.shape === 'text' ? 'text/plain' : reply.contentType;
      return withHeaders({ ...reply, contentType }, headers);
    }
    throw error;
  }
}

function answerRoute(
  parts: ServerParts,
  { match, facts, body }: Asked,
  viewer: Viewer,
): Reply {
  const { settings, model, json, rateLimit } = parts;
  const isMissing = match?.route.kind === 'search' && !settings.search.available;
  if (!match || isMissing || !isServedBy(match.route, settings.version)) {
    requireAccess(viewer, settings);
    return facts.path.startsWith('/rest/')
      ? unknownRouteReply
      : htmlReply(404, '<html><body><h1>Oops, page not found</h1></body></html>');
  }
  if (!match.route.open) {
    requireAccess(viewer, settings);
  }
  const context = {
    model,
    json,
    settings,
    rateLimit,
    viewer: match.route.open ? anonymousViewer : viewer,
    query: facts.query,
    params: match.params,
  };
  if (facts.method === 'POST' && match.route.post) {
    return match.route.post(context, body);
  }
  return facts.method === 'GET' ? match.route.answer(context) : methodNotAllowedReply;
}

function toUserHeaders({ user }: Viewer): Record<string, string> {
  return user && !user.nameless
    ? { 'X-AUSERNAME': encodeURIComponent(user.name), 'X-AUSERID': String(user.id) }
    : {};
}

function withHeaders(reply: Reply, headers: Readonly<Record<string, string>>): Reply {
  return { ...reply, headers: { ...headers, ...reply.headers } };
}

function toAnswer(
  { status, contentType, headers }: Reply,
  body: Exclude<Answer['body'], null>,
): Answer {
  const empty = status === 204 || status === 304;
  return {
    status,
    headers: {
      ...(!empty && { 'Content-Type': contentType }),
      'Cache-Control': 'private, no-cache, no-store, must-revalidate',
      Vary: 'x-ausername,x-auserid,cookie,accept-encoding',
      ...headers,
    },
    body: empty ? null : body,
  };
}

function untilAborted(signal: AbortSignal): Promise<undefined> {
  return new Promise(resolve => {
    const giveUp = () => resolve(undefined);
    if (signal.aborted) {
      giveUp();
    }
    signal.addEventListener('abort', giveUp, { once: true });
  });
}
