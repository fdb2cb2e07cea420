/**
 * The etags that the catalog stores for the files that it has read: they contain
 * everything needed to decide later whether to read again. Pure.
 */

/**
 * Hexadecimal digits of a hash in an etag: enough against accidental collisions, not
 * against an attacker.
 */
const HASH_LENGTH = 16;

const ETAG =
  /^bitbucket-server\/1:([0-9a-f]{16}):([\w-]{1,64}):(\d{1,15}):([0-9a-f]{16}|absent)$/;

/** Prefix of every etag of this module. */
export const ETAG_START = 'bitbucket-server/1:';

/** Upper limit for the length of such an etag, in characters. */
export const MAX_ETAG_LENGTH = 160;

/** Replaces a stamp that could not be read; no stamp equals it. */
export const NO_STAMP = '-';

/** The content of an etag of this module. */
export interface ReadEtag {
  /** {@link shortHash} of the URL that was read. */
  readonly urlHash: string;
  /**
   * The repository's stamp, taken before the file was requested; {@link NO_STAMP} if that
   * failed.
   */
  readonly stamp: string;
  /** Epoch milliseconds. */
  readonly readAtMs: number;
  /** {@link shortHash} of the content, or `absent` if the file was proven absent. */
  readonly content: string | 'absent';
}

/** Formats an etag. */
export function formatEtag({ urlHash, stamp, readAtMs, content }: ReadEtag): string {
  return `${ETAG_START}${urlHash}:${stamp}:${readAtMs}:${content}`;
}

/**
 * Parses an etag.
 *
 * @returns `undefined` for a foreign etag, such as the built-in reader's
 */
export function parseEtag(etag: string | undefined): ReadEtag | undefined {
  const match = ETAG.exec(etag ?? '');
  const [, urlHash, stamp, readAt, content] = match ?? [];
  return urlHash && stamp && readAt && content
    ? { urlHash, stamp, readAtMs: Number(readAt), content }
    : undefined;
}

/** Returns the part of a hexadecimal hash that an etag contains. */
export function shortHash(hash: string): string {
  return hash.slice(0, HASH_LENGTH);
}
