/**
 * The effect of each fault on an answer. Pure apart from `slow-body`, which waits on the
 * clock. Called by `handle.ts`.
 */
import type { Clock } from '../../src/util/clock';
import { errorBody, fullExceptionName } from './errors';
import { type Reply, jsonReply } from './routes/route';

/** The effect of a fault. */
export type FaultEffect =
  /** Another status, by default with a JSON error body. `body` is JSON, or a text to send unchanged. */
  | {
      readonly type: 'status';
      readonly status: number;
      /** Full class name; without one it is `null`, and at 401 that of a missing permission. */
      readonly exceptionName?: string;
      readonly message?: string;
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** The connection is reset before anything is answered. */
  | { readonly type: 'reset' }
  /** Nothing is answered until the client gives up or the server closes. */
  | { readonly type: 'hang' }
  /** The right answer, `ms` milliseconds later. */
  | { readonly type: 'delay'; readonly ms: number }
  /** The right body, cut to a share of it (0 to 1, default one half). */
  | { readonly type: 'truncated-json'; readonly keep?: number }
  /** An HTML login page with status 200, as a single sign-on proxy answers. */
  | { readonly type: 'login-page' }
  /** An HTML page of a given status. */
  | { readonly type: 'html'; readonly status: number; readonly body?: string }
  /** A page without values that claims to be the last one. */
  | { readonly type: 'empty-page' }
  /** The right page, but its `nextPageStart` is its own `start`. */
  | { readonly type: 'looping-page' }
  /** The right page with `nextPageStart: null`, whether last or not. */
  | { readonly type: 'null-next-page-start' }
  /** Bitbucket's answer to an unknown route. */
  | { readonly type: 'xml-404' }
  /** Another body, given or derived from the right one. */
  | { readonly type: 'body'; readonly body: string | ((real: string) => string) }
  /** The right page with one value replaced by an invalid one. */
  | { readonly type: 'bad-item'; readonly index?: number; readonly item?: unknown }
  /** A redirect. Default status 302. */
  | { readonly type: 'redirect'; readonly to: string; readonly status?: number }
  /** The right body in pieces, `ms` milliseconds before each. Default 4 pieces. */
  | { readonly type: 'slow-body'; readonly ms: number; readonly pieces?: number }
  /** The user no longer sees anything: 401, and listings are empty. */
  | { readonly type: 'lost-permission' };

/** Bitbucket's answer to an unknown route. Source: recorded on 10.2.1. */
const UNKNOWN_ROUTE_BODY =
  '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><status><status-code>404</status-code>' +
  '<message>HTTP 404 Not Found</message></status>';

/** 404 in XML. */
export const unknownRouteReply: Reply = {
  status: 404,
  body: UNKNOWN_ROUTE_BODY,
  contentType: 'application/xml;charset=UTF-8',
  headers: {},
};

/** 405 in XML: the simulator only reads. */
export const methodNotAllowedReply: Reply = {
  ...unknownRouteReply,
  status: 405,
  body: UNKNOWN_ROUTE_BODY.replace('404', '405').replace(
    '404 Not Found',
    '405 Method Not Allowed',
  ),
};

/** An HTML page. */
export function htmlReply(status: number, body: string): Reply {
  return { status, body, contentType: 'text/html;charset=UTF-8', headers: {} };
}

/** Returns the whole answer of a fault that does not need the right one, otherwise `undefined`. */
export function toFaultReply(effect: FaultEffect): Reply | undefined {
  switch (effect.type) {
    case 'status':
      return toStatusReply(effect);
    case 'login-page':
      return htmlReply(
        200,
        '<!DOCTYPE html><html><head><title>Log in - Bitbucket</title></head>' +
          '<body><form action="/j_atl_security_check" method="post"></form></body></html>',
      );
    case 'html':
      return htmlReply(
        effect.status,
        effect.body ?? `<html><body><h1>${effect.status}</h1></body></html>`,
      );
    case 'xml-404':
      return unknownRouteReply;
    case 'redirect':
      return {
        ...htmlReply(effect.status ?? 302, ''),
        headers: { Location: effect.to },
      };
    default:
      return undefined;
  }
}

/** Applies a fault that modifies the right answer; other faults do not change it. */
export function spoil(effect: FaultEffect, reply: Reply): Reply {
  switch (effect.type) {
    case 'truncated-json': {
      const length = Math.floor(reply.body.length * (effect.keep ?? 0.5));
      return { ...reply, body: reply.body.slice(0, length) };
    }
    case 'body': {
      const { body } = effect;
      return { ...reply, body: typeof body === 'string' ? body : body(reply.body) };
    }
    case 'empty-page':
      return changePage(reply, ({ nextPageStart, ...page }) => ({
        ...page,
        size: 0,
        values: [],
        isLastPage: true,
      }));
    case 'looping-page':
      return changePage(reply, page => ({
        ...page,
        isLastPage: false,
        nextPageStart: page.start ?? 0,
      }));
    case 'null-next-page-start':
      return changePage(reply, page => ({ ...page, nextPageStart: null }));
    case 'bad-item':
      return changePage(reply, page => ({
        ...page,
        values: Array.isArray(page.values)
          ? page.values.map((value: unknown, index) =>
              index === (effect.index ?? 0)
                ? (effect.item ?? { slug: 17, unexpected: true })
                : value,
            )
          : page.values,
      }));
    default:
      return reply;
  }
}

/** A body that arrives in pieces. */
export function toSlowBody(
  body: string,
  { ms, pieces = 4 }: { readonly ms: number; readonly pieces?: number },
  clock: Clock,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(body);
  const step = Math.max(1, Math.ceil(bytes.length / pieces));
  let position = 0;
  return new ReadableStream({
    async pull(controller) {
      await clock.sleep(ms, signal);
      controller.enqueue(bytes.slice(position, position + step));
      position += step;
      if (position >= bytes.length) {
        controller.close();
      }
    },
  });
}

type StatusEffect = Extract<FaultEffect, { readonly type: 'status' }>;

function toStatusReply(effect: StatusEffect): Reply {
  const { status, headers = {} } = effect;
  return { ...jsonReply(toStatusBody(effect), status), headers };
}

function toStatusBody({ status, exceptionName, message, body }: StatusEffect): string {
  if (body === undefined) {
    const usual = status === 401 ? fullExceptionName('AuthorisationException') : null;
    return errorBody(message ?? `Simulated status ${status}`, exceptionName ?? usual);
  }
  return typeof body === 'string' ? body : JSON.stringify(body);
}

/** Edits the page in a body; does not change any other body. */
function changePage(
  reply: Reply,
  change: (page: Record<string, unknown>) => object,
): Reply {
  const json = reply.body !== '' && reply.contentType.startsWith('application/json');
  const parsed: unknown = json ? JSON.parse(reply.body) : undefined;
  return isRecord(parsed) ? { ...reply, body: JSON.stringify(change(parsed)) } : reply;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
