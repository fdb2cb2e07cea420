/**
 * Takes secrets out of texts. Servers and proxies echo what they were sent (an
 * Authorization header in an error page, a token in a message), and whatever they echo
 * may end up in a log or a report.
 *
 * Pure. Must not log and must not guess what a secret looks like: it knows the
 * configured ones. Called by the transport; anyone who quotes a server may call it too.
 */

import { BitbucketServerIntegrationConfig } from '@backstage/integration';

/** What stands where a secret stood. */
export const REDACTED = '[redacted]';

/**
 * Secrets shorter than this many characters are left alone.
 *
 * @remarks Replacing each `a` or `in` would shred every message and would tell more about
 * the secret than it hides. The base64 of `user:password` is long enough whatever the
 * password, so an echoed Basic header is covered even then.
 */
const MIN_REDACTED_LENGTH = 4;

/** Replaces every known secret in a text by {@link REDACTED}. */
export type Redact = (text: string) => string;

const NAMED_ENTITIES: Readonly<Record<string, string>> = {
  '"': 'quot',
  "'": 'apos',
  '<': 'lt',
  '>': 'gt',
  '&': 'amp',
};

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '\b': 'b',
  '\f': 'f',
  '\n': 'n',
  '\r': 'r',
  '\t': 't',
};

/** An ampersand that HTML was encoded around, once or more often. */
const AMPERSAND = '&(?:amp;){0,3}';

/**
 * Backslashes that escape, as many as three encoders within each other write. More are left
 * where they stand: looking for the end of each run would take forever in a body that is
 * nothing else.
 */
const BACKSLASHES = '\\\\{1,8}';

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0');
}

/**
 * A pattern for one character, in each way that URLs, JSON, JavaScript, HTML and forms may
 * write it, one within the other included. An encoder decides for each character by
 * itself, so there is no list of all spellings of a whole secret.
 */
function anySpelling(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const entity = NAMED_ENTITIES[character];
  const escape = SHORT_ESCAPES[character];
  const units = Array.from({ length: character.length }, (_, unit) =>
    character.charCodeAt(unit),
  );
  const forms = [
    [...Buffer.from(character, 'utf8')]
      .map(byte => `%(?:25){0,3}${hex(byte, 2)}`)
      .join(''),
    `${AMPERSAND}#(?:0{0,6}${code}|x0{0,6}${hex(code, 1)});?`,
    units.map(unit => `${BACKSLASHES}u${hex(unit, 4)}`).join(''),
    ...(code < 0x100 ? [`${BACKSLASHES}x${hex(code, 2)}`] : []),
    ...(entity ? [`\\\\{0,4}${AMPERSAND}${entity};`] : []),
    ...(escape ? [`${BACKSLASHES}${escape}`] : []),
    ...(character === ' ' ? ['\\+'] : []),
    // As it is, or escaped: in JSON within HTML, say, before a quotation mark. Last, since
    // `&`, `%` and a backslash also begin what stands for them.
    `${/["'\\/]/.test(character) ? '\\\\{0,4}' : ''}${character.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&')}`,
  ];
  return `(?:${forms.join('|')})`;
}

/** As base64 with either alphabet, with padding or without. Source: RFC 4648, section 5. */
function anyBase64(secret: string): string {
  const characters = Buffer.from(secret, 'utf8').toString('base64').replace(/=+$/, '');
  const pattern = [...characters].map(one => {
    const other = { '+': '-', '/': '_' }[one];
    return other ? `(?:${anySpelling(one)}|${other})` : anySpelling(one);
  });
  return `${pattern.join('')}${anySpelling('=')}{0,2}`;
}

/**
 * Creates the function that hides the given secrets.
 *
 * @remarks In any case of letters: names of hosts are written in lower case.
 *
 * @param secrets - passwords, tokens, `user:password` pairs; empty and very short ones
 * are ignored ({@link MIN_REDACTED_LENGTH})
 */
export function createRedactor(secrets: readonly string[]): Redact {
  const usable = [...new Set(secrets)].filter(
    secret => secret.length >= MIN_REDACTED_LENGTH,
  );
  const patterns = usable
    // The longest first: where one secret holds another, no tail of it must stay behind.
    .sort((one, other) => other.length - one.length)
    .flatMap(secret => [
      [...secret].map(anySpelling).join(''),
      anyBase64(secret),
      Buffer.from(secret, 'utf8').toString('hex'),
    ]);
  if (patterns.length === 0) return text => text;
  const mayHoldSecret = createForecast(usable);
  let anySecret: RegExp | undefined;
  return text => {
    if (!mayHoldSecret(text)) return text;
    // Not before it is needed: to compile it takes a third of a second.
    anySecret ??= new RegExp(patterns.join('|'), 'giu');
    return text.replace(anySecret, REDACTED);
  };
}

/** Tells cheaply of nearly every text that holds none of the secrets, in no spelling. */
function createForecast(secrets: readonly string[]): (text: string) => boolean {
  const spellings = secrets.flatMap(secret => {
    const bytes = Buffer.from(secret, 'utf8');
    return [secret, bytes.toString('base64').replace(/=+$/, ''), bytes.toString('hex')];
  });
  const folded = spellings.map(fold);
  const areAscii = secrets.every(secret => /^[ -~]*$/.test(secret));
  const mayBeSpelt = secrets.some(secret => secret.includes('"'))
    ? SPELT_OTHERWISE
    : SPELT_OTHERWISE_WITHOUT_QUOTES;
  return text => {
    const inOneCase = fold(text);
    return (
      !areAscii ||
      mayBeSpelt.test(text) ||
      folded.some(secret => inOneCase.includes(secret))
    );
  };
}

/** Every spelling of a character that is not the character itself begins with one of these. */
const SPELT_OTHERWISE = /[%\\]|&(?:#|[a-z]+;)/i;

/** An escaped quotation mark stands in Bitbucket's answer for each path that does not exist. */
const SPELT_OTHERWISE_WITHOUT_QUOTES = /%|\\(?!")|&(?:#|[a-z]+;)/i;

/**
 * The same for all texts that differ in the case of letters, in what forms make of a blank,
 * or in the alphabet of base64, as far as they are ASCII.
 */
function fold(text: string): string {
  // Both ways: two letters of other alphabets are an `s` and a `k` in one of them only.
  return text.toUpperCase().toLowerCase().replace(/[- ]/g, '+').replace(/_/g, '/');
}

/** The secrets of an integration; the redactor knows them in base64 too, as `Basic` sends them. */
export function getSecrets({
  token,
  username,
  password,
}: BitbucketServerIntegrationConfig): string[] {
  const pair = username && password ? `${username}:${password}` : undefined;
  return [token, password, pair].flatMap(secret => secret ?? []);
}
