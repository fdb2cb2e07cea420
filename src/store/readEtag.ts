/**
 * The etags that the catalog keeps of what it has read: they carry all that is needed to
 * decide later whether to read again. Pure.
 */

/** Hexadecimal digits of a hash in an etag: no attacker is kept out by it, only accidents. */
const HASH_LENGTH = 16;

const ETAG =
  /^bitbucket-server\/1:([0-9a-f]{16}):([\w-]{1,64}):(\d{1,15}):([0-9a-f]{16}|absent)$/;

/** What every etag of ours begins with. */
export const ETAG_START = 'bitbucket-server/1:';

/** Characters; an etag of ours is shorter. */
export const MAX_ETAG_LENGTH = 160;

/** In place of a stamp that could not be read: no stamp equals it. */
export const NO_STAMP = '-';

/** What an etag of ours says. */
export interface ReadEtag {
  /** {@link shortHash} of the URL that was read. */
  readonly urlHash: string;
  /** Of the repository, taken before it was asked; {@link NO_STAMP} where that failed. */
  readonly stamp: string;
  /** Epoch milliseconds. */
  readonly readAtMs: number;
  /** {@link shortHash} of what was read, or that it was proven that there is nothing. */
  readonly content: string | 'absent';
}

/** Writes an etag. */
export function formatEtag({ urlHash, stamp, readAtMs, content }: ReadEtag): string {
  return `${ETAG_START}${urlHash}:${stamp}:${readAtMs}:${content}`;
}

/** @returns `undefined` for an etag of somebody else's, such as the built-in reader's */
export function parseEtag(etag: string | undefined): ReadEtag | undefined {
  const match = ETAG.exec(etag ?? '');
  const [, urlHash, stamp, readAt, content] = match ?? [];
  return urlHash && stamp && readAt && content
    ? { urlHash, stamp, readAtMs: Number(readAt), content }
    : undefined;
}

/** The part of a hash, in hexadecimal digits, that an etag carries. */
export function shortHash(hash: string): string {
  return hash.slice(0, HASH_LENGTH);
}
