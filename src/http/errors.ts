/**
 * The errors that the transport throws when a request has no answer to return, and the
 * translation of errors of `fetch` into words that an operator can act on. Pure. Must not carry
 * a secret: no cause is attached, since messages of `fetch` may quote a header or a URL with a
 * password in it; the message says what happened, with the error's code.
 *
 * An answer with an error status is not an error here, it is returned. Neither is an abort: it
 * rejects with the signal's own reason.
 */

import { CustomErrorBase } from '@backstage/errors';
import { REDACTED } from './redact';

/** The request, for the beginning of the messages of the transport's errors. */
export interface RequestErrorDetails {
  /** Absolute; credentials in it are removed. */
  readonly url: string;
  /** Total number of attempts. */
  readonly attempts: number;
}

/** Query parameters whose value must never be shown. */
const SECRET_PARAMETER = /token|secret|password|passwd|auth|api_?key|signature/i;

/**
 * Formats a URL for messages: without `user:password@` and fragment, and with the whole query
 * replaced if the name of a parameter suggests a secret.
 *
 * @param url - any text; if it is not a URL, none of it is shown
 */
export function displayUrl(url: string): string {
  if (!URL.canParse(url)) return '(not a URL)';
  const shown = new URL(url);
  const secretNames = [...shown.searchParams.keys()].filter(name =>
    SECRET_PARAMETER.test(name),
  );
  const query = secretNames.length > 0 ? `?${REDACTED}` : shown.search;
  return `${shown.protocol}//${shown.host}${shown.pathname}${query}`;
}

abstract class RequestError extends CustomErrorBase {
  /** @param what - a clause that says what happened, without secrets */
  constructor({ url, attempts }: RequestErrorDetails, what: string) {
    const times = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
    const failed = attempts === 0 ? 'was not sent' : `failed after ${times}`;
    super(`GET ${displayUrl(url)} ${failed}: ${what}`);
  }
}

/** No attempt was answered: name resolution, connection, TLS, proxy or a truncated answer. */
export class BitbucketServerNetworkError extends RequestError {
  override name = 'BitbucketServerNetworkError' as const;
}

/** Every attempt timed out; the time limit includes reading the body. */
export class BitbucketServerTimeoutError extends RequestError {
  override name = 'BitbucketServerTimeoutError' as const;
}

/** The answer exceeds the size limit and was discarded. Not retried. */
export class BitbucketServerResponseTooLargeError extends RequestError {
  override name = 'BitbucketServerResponseTooLargeError' as const;
}

/** The request could not be sent within the time that its caller can wait. */
export class BitbucketServerWaitTooLongError extends RequestError {
  override name = 'BitbucketServerWaitTooLongError' as const;
}

/** The reason why a request was not answered. */
export interface NetworkFailure {
  /** The code of the operating system, OpenSSL or undici, such as `ECONNREFUSED`. */
  readonly code?: string;
  /** A clause without secrets and without the URL. */
  readonly what: string;
}

/**
 * Certificate problems as OpenSSL and Node name them.
 *
 * Source: Node.js 20, "TLS (SSL)", section "X509 certificate error codes".
 */
const CERTIFICATE_CODES: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REJECTED',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

const WORDS_BY_CODE: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the host name could not be resolved (DNS)',
  EAI_AGAIN: 'name resolution failed temporarily (DNS)',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset by the other side',
  EPIPE: 'the connection was closed by the other side',
  UND_ERR_SOCKET: 'the connection was closed by the other side',
  ETIMEDOUT: 'the connection could not be established in time',
  UND_ERR_CONNECT_TIMEOUT: 'the connection could not be established in time',
  UND_ERR_HEADERS_TIMEOUT: 'the server did not begin to answer in time',
  UND_ERR_BODY_TIMEOUT: 'the server stopped in the middle of its answer',
  EHOSTUNREACH: 'the host cannot be reached from here',
  ENETUNREACH: 'the network of the host cannot be reached from here',
  EPROTO: 'no TLS connection could be made (is it https at this port?)',
  ERR_SSL_WRONG_VERSION_NUMBER:
    'no TLS connection could be made (is it https at this port?)',
  UND_ERR_PRX_TLS: 'no TLS connection could be made to the proxy',
};

/** Whether a code stands for a certificate that is not trusted: a retry does not help then. */
export function isCertificateProblem(code: string | undefined): boolean {
  return code !== undefined && CERTIFICATE_CODES.has(code);
}

/** The error and its causes, outermost first; bounded, since causes may form a cycle. */
function causeChain(error: unknown): object[] {
  const chain: object[] = [];
  let link: unknown = error;
  while (typeof link === 'object' && link !== null && chain.length < 5) {
    chain.push(link);
    link = 'cause' in link ? link.cause : undefined;
  }
  return chain;
}

function getText(link: object, key: 'code' | 'message'): string | undefined {
  const value: unknown = Reflect.get(link, key);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function wordsFor(code: string | undefined, messages: readonly string[]): string {
  // undici's proxy agent reports a refused tunnel only in its message.
  const proxyStatus = messages
    .map(message => /^proxy response \((\d{3})\)/i.exec(message)?.[1])
    .find(status => status !== undefined);
  if (proxyStatus) return `the proxy refused the connection with status ${proxyStatus}`;
  if (code === undefined) {
    return 'the request could not be sent, or its answer could not be read';
  }
  if (isCertificateProblem(code)) {
    return `the TLS certificate is not trusted (${code}); NODE_EXTRA_CA_CERTS can name the authority that issued it`;
  }
  const words = WORDS_BY_CODE[code];
  if (words) return `${words} (${code})`;
  return /SSL|TLS/.test(code)
    ? `no TLS connection could be made (${code})`
    : `the connection failed (${code})`;
}

/**
 * Describes an error that `fetch` threw, or the reading of a body.
 *
 * @remarks `fetch` throws `TypeError: fetch failed` for nearly everything; the innermost
 * `cause` with a code says what happened. Messages are only matched against known forms, their
 * text is never passed on.
 *
 * @param error - anything that was thrown
 */
export function describeNetworkFailure(error: unknown): NetworkFailure {
  const chain = causeChain(error);
  const codes = chain.flatMap(link => getText(link, 'code') ?? []);
  const code = codes.at(-1);
  const messages = chain.flatMap(link => getText(link, 'message') ?? []);
  return { code, what: wordsFor(code, messages) };
}
