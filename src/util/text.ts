/** What may be done with a text: shown, quoted, kept or compared. Pure. */

/** What a terminal may act on, and halves of surrogate pairs; line breaks are not among it. */
const UNPRINTABLE = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/**
 * What a database may refuse: PostgreSQL takes no NUL in texts, and in `jsonb` no half of
 * a surrogate pair either. Source: PostgreSQL 16 documentation, sections 8.3 and 8.14.
 */
const UNSTORABLE = /[\0\p{Cs}]/gu;

/**
 * Takes out what a terminal would act on: names and messages could otherwise move the
 * cursor, rewrite what stands above or turn the order of letters round. Line breaks stay.
 */
export function plainText(text: string): string {
  return text.replace(UNPRINTABLE, '\uFFFD');
}

/**
 * Writes a value as JSON that a terminal does not act on: what {@link plainText} takes out is
 * escaped, so that parsing gives it back.
 */
export function printableJson(value: unknown): string {
  const escape = (unit: string) =>
    `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value, null, 2).replace(UNPRINTABLE, character =>
    character.split('').map(escape).join(''),
  );
}

/** Takes out what a database may refuse, and nothing else. */
export function storableText(text: string): string {
  return text.replace(UNSTORABLE, '\uFFFD');
}

/** Whether a database takes the text as it is. */
export function isStorable(text: string): boolean {
  return text.search(UNSTORABLE) < 0;
}

/**
 * Whether a text can be part of an address: what holds control characters or a half of a
 * surrogate pair names nothing, and `encodeURIComponent` throws at such a half.
 */
export function isAddressable(text: string): boolean {
  return text.search(/[\p{Cc}\p{Cs}]/u) < 0;
}

/** Quotes a text in a message: on one line, printable, at most so many characters of it. */
export function quote(text: string, maxLength = 300): string {
  // Nearly all there are, and each repository has one.
  if (text.length <= maxLength && /^\w*$/.test(text)) {
    return text;
  }
  // No more of it is looked at than can be shown, since it may be very long.
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

/** Named of a longer list in one line of a log; the report has them all. */
const MAX_EXAMPLES = 5;

/** The first few of a list in words, such as `a; b; …`. */
export function listExamples<T>(
  items: readonly T[],
  toText: (item: T) => string,
  separator = '; ',
): string {
  const texts = items.slice(0, MAX_EXAMPLES).map(toText);
  return [...texts, ...(items.length > MAX_EXAMPLES ? ['…'] : [])].join(separator);
}

/**
 * Writes a value as JSON, the properties of objects in alphabetical order.
 *
 * @returns the text; `undefined` for what JSON cannot hold, such as a function
 * @throws TypeError for a value that holds itself, or a bigint
 */
export function canonicalJson(value: unknown): string | undefined {
  // JSON.stringify is typed as if it always returned a text.
  const text: string | undefined = JSON.stringify(value, (_, inner: unknown) =>
    isPlainObject(inner)
      ? Object.fromEntries(
          Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)),
        )
      : inner,
  );
  return text;
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
