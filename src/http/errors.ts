/**
 * The errors of the transport: what is thrown when a request has no answer that could be
 * returned, and what `fetch` throws in words an operator can act on. Pure. Must not carry
 * a secret: no cause is attached, since messages of `fetch` may quote a header or a URL
 * with a password in it; its code and what happened are told instead.
 *
 * An answer with an error status is not an error here, it is returned. An abort is not
 * one either: it rejects with the signal's own reason.
 */

import { CustomErrorBase } from '@backstage/errors';
import { REDACTED } from './redact';

/** What the messages of the transport's errors begin with. */
export interface RequestErrorDetails {
  /** Absolute; credentials in it are removed. */
  readonly url: string;
  /** Attempts made in all. */
  readonly attempts: number;
}

/** Query parameters whose value must not be shown, whatever is in it. */
const SECRET_PARAMETER = /token|secret|password|passwd|auth|api_?key|signature/i;

/**
 * Writes a URL so that it can be shown: without `user:password@` and fragment, and with
 * the values of parameters that sound like a secret replaced.
 *
 * @param url - any text; what is no URL is not shown at all
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
  /** @param what - a clause that tells what happened, without secrets */
  constructor({ url, attempts }: RequestErrorDetails, what: string) {
    const times = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
    const failed = attempts === 0 ? 'was not sent' : `failed after ${times}`;
    super(`GET ${displayUrl(url)} ${failed}: ${what}`);
  }
}

/** No attempt was answered: name resolution, connection, TLS, proxy or a cut answer. */
export class BitbucketServerNetworkError extends RequestError {
  override name = 'BitbucketServerNetworkError' as const;
}

/** Every attempt ran out of time, the reading of the body included. */
export class BitbucketServerTimeoutError extends RequestError {
  override name = 'BitbucketServerTimeoutError' as const;
}

/** The answer is larger than is read; it was dropped unread. Not tried again. */
export class BitbucketServerResponseTooLargeError extends RequestError {
  override name = 'BitbucketServerResponseTooLargeError' as const;
}

/** It could not be sent within the time that its caller can wait. */
export class BitbucketServerWaitTooLongError extends RequestError {
  override name = 'BitbucketServerWaitTooLongError' as const;
}

/** What kept a request from being answered. */
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
  EAI_AGAIN: 'the host name could not be resolved for now (DNS)',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset by the other side',
  EPIPE: 'the connection was closed by the other side',
  UND_ERR_SOCKET: 'the connection was closed by the other side',
  ETIMEDOUT: 'the connection could not be made in time',
  UND_ERR_CONNECT_TIMEOUT: 'the connection could not be made in time',
  UND_ERR_HEADERS_TIMEOUT: 'the server did not begin to answer in time',
  UND_ERR_BODY_TIMEOUT: 'the server stopped in the middle of its answer',
  EHOSTUNREACH: 'the host cannot be reached from here',
  ENETUNREACH: 'the network of the host cannot be reached from here',
  EPROTO: 'no TLS connection could be made (is it https at this port?)',
  ERR_SSL_WRONG_VERSION_NUMBER:
    'no TLS connection could be made (is it https at this port?)',
  UND_ERR_PRX_TLS: 'no TLS connection could be made to the proxy',
};

/** Whether a code tells of a certificate that is not trusted: asking again does not help. */
export function isCertificateProblem(code: string | undefined): boolean {
  return code !== undefined && CERTIFICATE_CODES.has(code);
}

/** The error and what caused it, outermost first; bounded, since causes may form a circle. */
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
  // undici's proxy agent tells of a refused tunnel only in words.
  const proxyStatus = messages
    .map(message => /^proxy response \((\d{3})\)/i.exec(message)?.[1])
    .find(status => status !== undefined);
  if (proxyStatus) return `the proxy refused the connection with status ${proxyStatus}`;
  if (code === undefined) return 'the request could not be sent or its answer not read';
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
 * Describes what `fetch` or the reading of a body threw.
 *
 * @remarks `fetch` throws `TypeError: fetch failed` for nearly everything; what happened
 * is the innermost `cause` that carries a code. Of messages only the form is used, never
 * the text.
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
