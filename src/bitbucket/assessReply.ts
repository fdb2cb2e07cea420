/**
 * Interprets answers. Pure: maps a reply to a code with a sentence. The one place
 * that knows which answers prove something and which prove nothing.
 */

import { AbsenceReason, Lookup, Problem, Unanswered } from '../model';
import { GATEWAY_TIMEOUT } from '../http/attemptOutcome';
import { quote } from '../util/text';
import { Answer } from './Answer';
import { CredentialsProblem } from './errors';
import { parse, PrivateRow, ServerErrors, ServerMessage, WirePage } from './wire';

/** Returns the simple names of the exceptions in an error body, in its order. */
export function exceptionNames(answer: Answer): readonly string[] {
  return errorsIn(answer).flatMap(({ exceptionName }) =>
    exceptionName ? [simpleName(exceptionName)] : [],
  );
}

function errorsIn({ json }: Answer) {
  return parse(ServerErrors, json) ?? [];
}

function simpleName(qualified: string): string {
  return qualified.slice(qualified.lastIndexOf('.') + 1);
}

/** Whether the answer is Bitbucket's own error naming one of these exceptions. */
export function hasException(answer: Answer, ...exceptions: string[]): boolean {
  return exceptionNames(answer).some(name => exceptions.includes(name));
}

/**
 * Returns what an answer to a request about a file proves about its absence; `undefined`
 * where it proves nothing.
 *
 * @remarks Only Bitbucket's own JSON that names the exception proves it: a 404 may as well
 * come from a proxy, a wrong base URL or a deleted repository. An unresolvable ref
 * (`NoSuchObjectException`, `NoSuchCommitException`) proves a missing branch only where
 * the request named a branch. Exception names: Atlassian's Java API
 * (`com.atlassian.bitbucket.content`, `…repository`, `…commit`).
 *
 * @param askedForBranch - whether the request carried `at`
 */
export function toAbsenceReason(
  answer: Answer,
  askedForBranch: boolean,
): AbsenceReason | undefined {
  if (!canProve(answer.status)) {
    return undefined;
  }
  if (hasException(answer, 'NoSuchPathException')) {
    return 'no-catalog-file';
  }
  if (hasException(answer, 'EmptyRepositoryException')) {
    return 'empty-repository';
  }
  if (hasException(answer, 'NoDefaultBranchException', 'NoSuchBranchException')) {
    return 'branch-not-found';
  }
  if (
    askedForBranch &&
    hasException(answer, 'NoSuchObjectException', 'NoSuchCommitException')
  ) {
    return 'branch-not-found';
  }
  return undefined;
}

/** Whether an answer proves that the repository itself is gone. */
export function provesRepositoryGone(answer: Answer): boolean {
  return (
    canProve(answer.status) &&
    hasException(answer, 'NoSuchRepositoryException', 'NoSuchProjectException')
  );
}

/**
 * Returns why an answer is inconclusive, and whether Bitbucket itself refused the request (a
 * 401 may as well come from a proxy) or a proxy gave up waiting for it.
 */
export function unanswered(answer: Answer): Unanswered {
  const isRefusal = hasException(answer, 'AuthorisationException');
  const isTooMuch = answer.status === GATEWAY_TIMEOUT;
  return {
    kind: 'unknown',
    problem: toProblem(answer),
    ...(isRefusal && { isRefusal }),
    ...(isTooMuch && { isTooMuch }),
  };
}

/** Interprets an unsuccessful answer to a request about a file. */
export function absentOrUnknown(answer: Answer, askedForBranch: boolean): Lookup<never> {
  const reason = toAbsenceReason(answer, askedForBranch);
  return reason ? { kind: 'absent', reason } : unanswered(answer);
}

/** One private row is enough, and a page that is not Bitbucket's may have any number of rows. */
const MAX_ROWS_CHECKED = 1_000;

/**
 * Whether a page of repositories shows one that anonymous callers cannot see.
 *
 * Source: `public` of `RestRepository` and `RestProject`, Bitbucket Data Center 10.0
 * OpenAPI; personal projects have none in recorded answers.
 */
export function provesAuthenticated(answer: Answer): boolean {
  const rows = answer.read(WirePage)?.values.slice(0, MAX_ROWS_CHECKED) ?? [];
  return rows.some(row => parse(PrivateRow, row));
}

/** Whether another endpoint may work: not Bitbucket's JSON, or 404/405 for the route itself. */
export function isUnsupported(answer: Answer): boolean {
  const { status, json } = answer;
  return (
    status === 404 ||
    status === 405 ||
    (status === 200 && answer.read(WirePage) === undefined) ||
    (status < 500 && status !== 429 && json === undefined)
  );
}

/**
 * Whether Bitbucket itself says that it has no such endpoint, in XML or, in older versions,
 * in plain text. Any other 404 may come from a proxy.
 * Source: recorded on 6.x (text) and 10.2.1 (XML).
 */
export function isUnknownEndpoint({ status, body }: Answer): boolean {
  const start = body.slice(0, 1_000);
  return (
    status === 404 &&
    (/^\s*(<\?xml.*?\?>)?\s*<status>/s.test(start) || /null for uri/.test(start))
  );
}

/** 4xx, except the statuses about the caller: authentication, permission, rate. */
function canProve(status: number): boolean {
  return status >= 400 && status < 500 && ![401, 403, 407, 429].includes(status);
}

/** Bitbucket's message where Basic authentication is switched off, in any body format. */
const BASIC_DISABLED = /basic auth\w* (has been|is) disabled/i;

/**
 * Returns why an answer refuses the caller rather than the request; `undefined` where it does
 * not. After a refusal nothing more may be sent: each request would be another failed login.
 *
 * @remarks Bitbucket answers 401 for a missing permission as well, but names it:
 * `AuthorisationException`; and an answer with `X-AUSERNAME` is for a user who is logged in. Any
 * other 401 refuses the login, also one from a proxy. A 403 is about the request unless it says
 * otherwise: proxies in front of Bitbucket use it for requests that they block.
 * Source: recorded answers; `com.atlassian.bitbucket.auth`, Java API of Bitbucket.
 */
export function toLoginProblem(answer: Answer): CredentialsProblem | undefined {
  if (answer.status !== 401 && answer.status !== 403) {
    return undefined;
  }
  const exceptions = exceptionNames(answer);
  if (exceptions.includes('CaptchaRequiredAuthenticationException')) {
    return 'captcha';
  }
  if (exceptions.includes('AuthenticationSystemException')) {
    return 'not-verified';
  }
  if (exceptions.some(name => name.endsWith('AuthenticationException'))) {
    return 'rejected';
  }
  if (BASIC_DISABLED.test(findMessage(answer) ?? '')) {
    return 'password-not-accepted';
  }
  const isPermission =
    answer.status === 403 ||
    exceptions.length > 0 ||
    answer.headers.get('x-ausername') !== null;
  return isPermission ? undefined : 'refused';
}

/** Returns the problem of an unsuccessful answer that proves nothing. */
export function toProblem(answer: Answer): Problem {
  const said = describe(answer);
  const { status } = answer;
  if (status === 429) {
    return {
      reason: 'rate-limited',
      detail: `Bitbucket's rate limit refused it: ${said}`,
    };
  }
  if (status >= 500) {
    return { reason: 'server-error', detail: `Bitbucket failed: ${said}` };
  }
  if (status === 401 || status === 403) {
    return { reason: 'not-permitted', detail: `Bitbucket refused access: ${said}` };
  }
  return {
    reason: 'unexpected-answer',
    detail: `Bitbucket answered unexpectedly: ${said}`,
  };
}

/** Returns status and message, or which kind of body came instead of Bitbucket's JSON. */
export function describe(answer: Answer): string {
  const message = findMessage(answer);
  if (message) {
    return `${answer.status} ${message}`;
  }
  const { redirectedTo } = answer.reply;
  if (redirectedTo) {
    return `${answer.status}, a redirect to ${redirectedTo}`;
  }
  return `${answer.status} with ${describeBody(answer)}`;
}

/**
 * Returns the server's message, quoted: its own errors, the bare message of a proxy, or plain
 * text. Only error bodies have had their secrets removed.
 */
function findMessage(answer: Answer): string | undefined {
  const { status, json, body } = answer;
  if (status < 400) {
    return undefined;
  }
  const said =
    json === undefined
      ? [/^\s*[<{[]/.test(body) ? '' : body]
      : [...errorsIn(answer).map(describeError), parse(ServerMessage, json) ?? ''];
  return said.map(text => quote(text)).find(text => text !== '');
}

function describeError(error: { message?: string; exceptionName?: string }): string {
  const name = error.exceptionName ? simpleName(error.exceptionName) : '';
  return [name, error.message?.trim()].filter(Boolean).join(': ');
}

function describeBody({ json, isTooComplex, body }: Answer): string {
  const start = body.slice(0, 1_000).trimStart();
  if (start === '') {
    return 'an empty body';
  }
  if (/^<(!doctype html|html)/i.test(start)) {
    return 'an HTML page (a login page or a proxy?)';
  }
  if (start.startsWith('<')) {
    return 'an XML document (a wrong base URL?)';
  }
  if (isTooComplex) {
    return 'a body that holds far more values than any answer from Bitbucket';
  }
  return json === undefined
    ? 'a body that is not JSON, or only a part of it'
    : 'JSON of another shape than expected';
}
