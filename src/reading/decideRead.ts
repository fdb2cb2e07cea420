/**
 * Decides whether a read of the catalog needs a request, and what the catalog gets afterwards.
 * Pure.
 *
 * Nothing here depends on chance or on the caller: if an etag needs a request once, it needs one
 * at every later time too. If the catalog cannot parse a file, it keeps the previous etag; "not
 * modified" for that etag would then hide the error behind the old entities.
 */

import { Lookup, Problem } from '../model';
import { formatEtag, NO_STAMP, parseEtag, ReadEtag, shortHash } from '../store/readEtag';

/** How far the clock of another replica may be ahead of ours, milliseconds. */
const CLOCK_SKEW_MS = 60_000;

/** The part of `maxAge` over which the ages are spread at which files are read again. */
const SPREAD = 0.2;

/** A read by the catalog, and its time. */
export interface ReadQuestion {
  /** The etag that the caller has, if any; it may come from another reader. */
  readonly etag: string | undefined;
  /** Hash of the URL, hexadecimal. */
  readonly urlHash: string;
  readonly nowMs: number;
}

/** Why a request is needed. */
export type ReadReason =
  'nothing-cached' | 'other-etag' | 'no-stamp' | 'changed' | 'too-old';

/** Whether to send a request to Bitbucket. */
export type ReadDecision =
  | { readonly kind: 'not-modified' }
  | { readonly kind: 'read'; readonly reason: ReadReason };

/**
 * Decides whether the file that the caller has is still current.
 *
 * @param question - the catalog's read
 * @param stamp - the current stamp of the repository; `undefined` if it cannot be loaded
 * @param maxAgeMs - milliseconds for which an unchanged stamp proves that a file is current
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

/** A time of reading that is too far in the future says nothing about the age of a file. */
function isYoungerThan(limitMs: number, { readAtMs }: ReadEtag, nowMs: number): boolean {
  const ageMs = nowMs - readAtMs;
  return ageMs >= -CLOCK_SKEW_MS && ageMs < limitMs;
}

/**
 * Returns the age at which a file is read again: files that were read together, such as after a
 * start, are read again at different times, and each always at the same age.
 */
function spreadAgeMs(urlHash: string, maxAgeMs: number): number {
  const fraction = parseInt(urlHash.slice(0, 8), 16) / 0xffff_ffff;
  return maxAgeMs * (1 - SPREAD * fraction);
}

function ownEtag({ etag, urlHash }: ReadQuestion): ReadEtag | undefined {
  const parsed = parseEtag(etag);
  return parsed?.urlHash === shortHash(urlHash) ? parsed : undefined;
}

/** What the caller gets. */
export type ReadVerdict =
  /** The files, or none if they are absent, with an etag for the next read. */
  | { readonly kind: 'answered'; readonly etag: string }
  /** "Not modified", so that the caller keeps using the files that it has. */
  | { readonly kind: 'stale'; readonly problem: Problem }
  | { readonly kind: 'failed'; readonly problem: Problem };

/**
 * Decides what the caller gets.
 *
 * @remarks A file that was read is returned even if it is unchanged: after "not modified", the
 * catalog keeps the old etag, and would cause a request at every interval from then on.
 *
 * @param question - the catalog's read
 * @param stamp - the stamp before the request to Bitbucket
 * @param lookup - the result of that request, with the hash of everything that was read,
 * hexadecimal
 * @param staleIfUnavailableMs - milliseconds for which a file is used while Bitbucket does not
 * answer
 */
export function assessRead(
  question: ReadQuestion,
  stamp: string | undefined,
  lookup: Lookup<{ readonly contentHash: string }>,
  staleIfUnavailableMs: number,
): ReadVerdict {
  const { nowMs } = question;
  if (lookup.kind === 'unknown') {
    const etag = ownEtag(question);
    const isUsable = etag && isYoungerThan(staleIfUnavailableMs, etag, nowMs);
    return { kind: isUsable ? 'stale' : 'failed', problem: lookup.problem };
  }
  const etag = formatEtag({
    urlHash: shortHash(question.urlHash),
    stamp: stamp ?? NO_STAMP,
    readAtMs: nowMs,
    content: lookup.kind === 'found' ? shortHash(lookup.value.contentHash) : 'absent',
  });
  return { kind: 'answered', etag };
}

/** The properties of an answer that may make its content doubtful. */
export interface ContentSigns {
  readonly byteLength: number;
  /** The first few hundred characters. */
  readonly beginning: string;
  /** From the answer's header. */
  readonly contentType: string | null;
}

/**
 * Returns why an answer with status 200 may not be the file: a proxy in front of Bitbucket may
 * answer with a login page or an empty body.
 *
 * @returns a noun phrase; `undefined` if there is no doubt
 */
export function doubtContent(signs: ContentSigns): string | undefined {
  if (signs.byteLength === 0) return 'an empty body';
  const isHtml =
    /^\uFEFF?\s*<(!doctype html|html)/i.test(signs.beginning) ||
    /^text\/html\b/i.test(signs.contentType ?? '');
  return isHtml ? 'an HTML page' : undefined;
}
