/**
 * The faults that the fault matrix combines with the stages of a run. Faults with a text of
 * their own echo the credentials in it. For tests.
 */

import type { FaultOptions } from '../../dev/simulatedBitbucket';
import { UnknownReason } from '../model';
import { TEST_USER } from './testProvider';

const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');
const BASIC = base64(`${TEST_USER.name}:${TEST_USER.password}`);

/** Texts that must never be shown: the password and its encoded forms. */
export const SECRETS: readonly string[] = [
  TEST_USER.password,
  base64(TEST_USER.password),
  BASIC,
];

const ECHO = `you sent ${TEST_USER.password}, ${base64(TEST_USER.password)}, Basic ${BASIC}`;

/** One fault with its expected reason and message. */
export interface MatrixFault {
  readonly effect: FaultOptions['effect'];
  /** The reason of an affected repository; `undefined` where the fault ends the run. */
  readonly reason?: UnknownReason;
  /** Matches the error of a failed run, or the warning about a repository. */
  readonly says: RegExp;
}

function answer(
  status: number,
  exceptionName?: string,
  headers?: Readonly<Record<string, string>>,
): FaultOptions['effect'] {
  const qualified = exceptionName && `com.atlassian.bitbucket.${exceptionName}`;
  return { type: 'status', status, exceptionName: qualified, message: ECHO, headers };
}

const LOGIN_PAGE = `<!DOCTYPE html><html><body>Log in. ${ECHO}</body></html>`;
const EMPTY_PAGE = '{"size":0,"limit":25,"isLastPage":true,"values":[],"start":0}';

const FAULTS: Readonly<Record<string, MatrixFault>> = {
  'wrong password': {
    effect: answer(401, 'auth.IncorrectPasswordAuthenticationException'),
    says: /rejected the configured credentials.*Check/,
  },
  CAPTCHA: {
    effect: answer(401, 'auth.CaptchaRequiredAuthenticationException'),
    says: /demands a CAPTCHA.*Log in once in a browser/,
  },
  'password not accepted': {
    effect: {
      type: 'status',
      status: 403,
      body: { message: `Basic Authentication has been disabled. ${ECHO}` },
    },
    says: /accepts no password: 403 Basic Authentication has been disabled\. you sent \[redacted\].*`token`/,
  },
  'user directory down': {
    effect: answer(401, 'auth.AuthenticationSystemException'),
    says: /could not check the configured credentials: 401 AuthenticationSystemException: you sent \[redacted\]/,
  },
  "proxy's login (401)": {
    effect: { type: 'html', status: 401, body: LOGIN_PAGE },
    says: /login was refused.*401 with an HTML page/,
  },
  'not permitted (401)': {
    effect: answer(401, 'AuthorisationException'),
    reason: 'not-permitted',
    says: /refused access: 401 AuthorisationException: you sent \[redacted\]/,
  },
  'forbidden (403)': {
    effect: { type: 'html', status: 403, body: LOGIN_PAGE },
    reason: 'not-permitted',
    says: /refused access: 403 with an HTML page/,
  },
  'repository gone': {
    effect: answer(404, 'repository.NoSuchRepositoryException'),
    reason: 'unexpected-answer',
    says: /404 NoSuchRepositoryException: you sent \[redacted\]/,
  },
  'unknown route': {
    effect: 'xml-404',
    reason: 'unexpected-answer',
    says: /404 with an XML document/,
  },
  '429, Retry-After': {
    effect: answer(429, undefined, { 'Retry-After': '7' }),
    reason: 'rate-limited',
    says: /rate limit refused it: 429 you sent \[redacted\]/,
  },
  '429, no hint': {
    effect: answer(429),
    reason: 'rate-limited',
    says: /rate limit refused it: 429/,
  },
  '500': {
    effect: answer(500),
    reason: 'server-error',
    says: /Bitbucket failed: 500 you sent \[redacted\]/,
  },
  '502': {
    effect: { type: 'html', status: 502, body: LOGIN_PAGE },
    reason: 'server-error',
    says: /Bitbucket failed: 502 with an HTML page/,
  },
  '503': {
    effect: answer(503),
    reason: 'server-error',
    says: /Bitbucket failed: 503/,
  },
  reset: { effect: 'reset', reason: 'server-error', says: /ECONNRESET|reset/ },
  hang: { effect: 'hang', reason: 'timeout', says: /no complete answer within 30 s/ },
  'truncated JSON': {
    effect: 'truncated-json',
    reason: 'unexpected-answer',
    says: /[0-9]{3} with a body that is not JSON, or only a part of it/,
  },
  'login page': {
    effect: { type: 'html', status: 200, body: LOGIN_PAGE },
    reason: 'unexpected-answer',
    says: /200 with an HTML page \(a login page/,
  },
  'empty page': {
    effect: 'empty-page',
    reason: 'unexpected-answer',
    says: /list of files is empty although the repository has files/,
  },
  'looping page': {
    effect: 'looping-page',
    reason: 'unexpected-answer',
    says: /the listing does not advance/,
  },
  'page elsewhere': {
    effect: { type: 'body', body: EMPTY_PAGE },
    reason: 'unexpected-answer',
    says: /JSON of another shape than expected/,
  },
};

/** The rows of the matrix. */
export const FAULT_NAMES: readonly string[] = Object.keys(FAULTS);

/** @throws Error when there is none of that name */
export function faultNamed(name: string): MatrixFault {
  const fault = FAULTS[name];
  if (!fault) {
    throw new Error(`There is no fault named ${name}`);
  }
  return fault;
}
