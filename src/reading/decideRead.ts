/**
 * Whether the catalog's question is worth a request, and what it is told afterwards. Pure.
 *
 * Nothing here depends on chance or on who asks: for one etag, what has to be read once has
 * to be read at every later moment too. A file that the catalog could not parse leaves the
 * etag of what was read before it in place, and an answer without reading would then hide
 * the error behind the old entities.
 */

import { Problem } from '../model';
import { formatEtag, NO_STAMP, parseEtag, ReadEtag, shortHash } from '../store/readEtag';

/** A clock on another replica may go ahead of ours by so much, milliseconds. */
const CLOCK_SKEW_MS = 60_000;

/** The part of `maxAge` by which the ages differ at which files are read again. */
const SPREAD = 0.2;

/** What the catalog asks, and when. */
export interface ReadQuestion {
  /** What the caller has; an etag of anybody's, or none. */
  readonly etag: string | undefined;
  /** Of the URL, hexadecimal. */
  readonly urlHash: string;
  readonly nowMs: number;
}

/** Why there has to be a request. */
export type ReadReason =
  'nothing-cached' | 'other-etag' | 'no-stamp' | 'changed' | 'too-old';

/** Whether to ask Bitbucket. */
export type ReadDecision =
  | { readonly kind: 'not-modified' }
  | { readonly kind: 'read'; readonly reason: ReadReason };

/**
 * Decides whether what the caller has is still good.
 *
 * @param question - as the caller asks it
 * @param stamp - of the repository at this moment; `undefined` where it cannot be told
 * @param maxAgeMs - milliseconds for which an unchanged stamp is believed
 */
export function decideRead(
  question: ReadQuestion,
  stamp: string | undefined,
  maxAgeMs: number,
): ReadDecision {
  if (!question.etag) return { kind: 'read', reason: 'nothing-cached' };
  const etag = ownEtag(question);
  if (!etag) return { kind: 'read', reason: 'other-etag' };
  if (stamp === undefined || etag.stamp === NO_STAMP) {
    return { kind: 'read', reason: 'no-stamp' };
  }
  if (etag.stamp !== stamp) return { kind: 'read', reason: 'changed' };
  const isYoung = isYoungerThan(
    spreadAgeMs(etag.urlHash, maxAgeMs),
    etag,
    question.nowMs,
  );
  return isYoung ? { kind: 'not-modified' } : { kind: 'read', reason: 'too-old' };
}

/** What a clock that is far ahead says was read is of no known age. */
function isYoungerThan(limitMs: number, { readAtMs }: ReadEtag, nowMs: number): boolean {
  const ageMs = nowMs - readAtMs;
  return ageMs >= -CLOCK_SKEW_MS && ageMs < limitMs;
}

/**
 * When a file is read again: files that were read together, such as after a start, come
 * back at different moments, each at its own.
 */
function spreadAgeMs(urlHash: string, maxAgeMs: number): number {
  const fraction = parseInt(urlHash.slice(0, 8), 16) / 0xffff_ffff;
  return maxAgeMs * (1 - SPREAD * fraction);
}

function ownEtag({ etag, urlHash }: ReadQuestion): ReadEtag | undefined {
  const parsed = parseEtag(etag);
  return parsed?.urlHash === shortHash(urlHash) ? parsed : undefined;
}

/** What asking Bitbucket came to. */
export type ReadOutcome =
  /** `contentHash`: of all that was read, hexadecimal. */
  | { readonly kind: 'found'; readonly contentHash: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly problem: Problem };

/** What the caller is told. */
export type ReadVerdict =
  /** What was read, or that there is nothing; both with an etag to come back with. */
  | { readonly kind: 'news'; readonly etag: string }
  /** What was read before is still believed: the caller is told that nothing has changed. */
  | { readonly kind: 'stands'; readonly problem: Problem }
  | { readonly kind: 'failed'; readonly problem: Problem };

/**
 * Decides what the caller is told.
 *
 * @remarks An unchanged file is news as well: the catalog keeps the etag of what it is told
 * has not changed, and would have it read at every interval from then on.
 *
 * @param question - as the caller asked it
 * @param stamp - as it was before Bitbucket was asked
 * @param staleIfUnavailableMs - milliseconds for which what was read stands without an answer
 */
export function assessRead(
  question: ReadQuestion,
  stamp: string | undefined,
  outcome: ReadOutcome,
  staleIfUnavailableMs: number,
): ReadVerdict {
  const { nowMs } = question;
  if (outcome.kind === 'unknown') {
    const etag = ownEtag(question);
    const stands = etag && isYoungerThan(staleIfUnavailableMs, etag, nowMs);
    return { kind: stands ? 'stands' : 'failed', problem: outcome.problem };
  }
  const etag = formatEtag({
    urlHash: shortHash(question.urlHash),
    stamp: stamp ?? NO_STAMP,
    readAtMs: nowMs,
    content: outcome.kind === 'found' ? shortHash(outcome.contentHash) : 'absent',
  });
  return { kind: 'news', etag };
}

/** What a file's content looks like, as far as it may be doubted. */
export interface ContentSigns {
  readonly byteLength: number;
  /** The first few hundred characters. */
  readonly beginning: string;
  /** As the answer names it. */
  readonly contentType: string | null;
}

/**
 * Why the content of an answer with status 200 may not be the file's: things in front of
 * Bitbucket answer with a login page or with nothing.
 *
 * @returns a clause; `undefined` where there is nothing to doubt
 */
export function doubtContent(signs: ContentSigns): string | undefined {
  if (signs.byteLength === 0) return 'an empty body';
  const isHtml =
    /^\uFEFF?\s*<(!doctype html|html)/i.test(signs.beginning) ||
    /^text\/html\b/i.test(signs.contentType ?? '');
  return isHtml ? 'an HTML page' : undefined;
}
