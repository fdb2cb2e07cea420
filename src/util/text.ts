/** Makes texts safe to show, quote, store or compare, hashes them, and counts in words. Pure. */

import { createHash } from 'node:crypto';
import { isFields } from './fields';

/** Characters that a terminal may interpret, and lone surrogates; without line breaks. */
const UNPRINTABLE = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/**
 * Characters that a database may refuse: PostgreSQL accepts no NUL in texts, and in `jsonb` no
 * lone surrogates either. Source: PostgreSQL 16 documentation, sections 8.3 and 8.14.
 */
const UNSTORABLE = /[\0\p{Cs}]/gu;

/**
 * Replaces characters that a terminal would interpret: names and messages could otherwise move
 * the cursor, overwrite earlier lines or reverse the order of letters. Line breaks stay.
 */
export function plainText(text: string): string {
  return text.replace(UNPRINTABLE, '\uFFFD');
}

/**
 * Writes a value as JSON that is safe for a terminal: characters that {@link plainText} replaces
 * are escaped, so that parsing restores them.
 */
export function printableJson(value: unknown): string {
  const escape = (unit: string) =>
    `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value, null, 2).replace(UNPRINTABLE, character =>
    character.split('').map(escape).join(''),
  );
}

/** Replaces only the characters that a database may refuse. */
export function storableText(text: string): string {
  return text.replace(UNSTORABLE, '\uFFFD');
}

/** Whether a database accepts the text unchanged. */
export function isStorable(text: string): boolean {
  return text.search(UNSTORABLE) < 0;
}

/**
 * Whether a text can be part of an address: a text with control characters or lone surrogates
 * names nothing, and `encodeURIComponent` throws at a lone surrogate.
 */
export function isAddressable(text: string): boolean {
  return text.search(/[\p{Cc}\p{Cs}]/u) < 0;
}

/** Quotes a text for a message: on one line, printable, at most `maxLength` characters. */
export function quote(text: string, maxLength = 300): string {
  // A fast path for nearly all texts: every repository has one.
  if (text.length <= maxLength && /^\w*$/.test(text)) {
    return text;
  }
  // Processes no more of the text than can be shown, since it may be very long.
  const start = text.trimStart().slice(0, 2 * maxLength);
  const characters = [...plainText(start.replace(/\s+/g, ' ')).trimEnd()];
  const isWhole = characters.length <= maxLength && text.trim().length <= start.length;
  return isWhole ? characters.join('') : `${characters.slice(0, maxLength).join('')}…`;
}

/** Names a repository in a message, such as `PAY/api`. */
export function formatAddress({
  projectKey,
  slug,
}: {
  readonly projectKey: string;
  readonly slug: string;
}): string {
  return `${projectKey}/${slug}`;
}

/** The number of examples of a longer list in one log line; the report has all of them. */
const MAX_EXAMPLES = 5;

/** Joins the first few items of a list, such as `a; b; …`. */
export function listExamples<T>(
  items: readonly T[],
  toText: (item: T) => string,
  separator = '; ',
): string {
  const texts = items.slice(0, MAX_EXAMPLES).map(toText);
  return [...texts, ...(items.length > MAX_EXAMPLES ? ['…'] : [])].join(separator);
}

/**
 * Writes a value as JSON with the properties of objects in alphabetical order.
 *
 * @returns the text; `undefined` for a value that JSON cannot represent, such as a function
 * @throws TypeError for a circular value, or a bigint
 */
export function canonicalJson(value: unknown): string | undefined {
  // JSON.stringify is typed as if it always returned a text.
  const text: string | undefined = JSON.stringify(value, (_, inner: unknown) =>
    isFields(inner)
      ? Object.fromEntries(
          Object.entries(inner).sort(([left], [right]) => (left < right ? -1 : 1)),
        )
      : inner,
  );
  return text;
}

/** Returns the SHA-256 of a text, or of the content of a file, in hexadecimal. */
export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** `10,000` */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** `1 repository`, `10,000 repositories` */
export function formatPlural(
  count: number,
  singular: string,
  plural = `${singular}s`,
): string {
  return `${formatCount(count)} ${count === 1 ? singular : plural}`;
}
