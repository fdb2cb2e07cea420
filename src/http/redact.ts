/**
 * Removes secrets from texts. Servers and proxies echo parts of requests (an Authorization
 * header in an error page, a token in a message), and these may end up in a log or a report.
 *
 * Pure. Must not log and must not guess what a secret looks like: it knows the configured ones.
 * Called by the transport, and by other code that quotes a server.
 */

import { BitbucketServerIntegrationConfig } from '@backstage/integration';

/** The replacement for a secret. */
export const REDACTED = '[redacted]';

/**
 * Secrets shorter than this many characters are not replaced.
 *
 * @remarks Replacing each `a` or `in` would make messages unreadable and would reveal more about
 * the secret than it hides. The base64 of `user:password` is always long enough, so that an
 * echoed Basic header is redacted even then.
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

/** An ampersand, possibly HTML-encoded up to three times. */
const AMPERSAND = '&(?:amp;){0,3}';

/**
 * Backslashes of an escape sequence, as many as three nested encoders write. More are not
 * matched: searching for the end of each run would take forever in a body of only backslashes.
 */
const BACKSLASHES = '\\\\{1,8}';

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0');
}

/** Returns a pattern that matches a text literally. */
function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

/**
 * Returns a pattern for one character in all encodings of URLs, JSON, JavaScript, HTML and forms,
 * also nested ones. Encoders decide for each character separately, so that the encodings of a
 * whole secret cannot be listed.
 */
function anySpelling(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const entity = NAMED_ENTITIES[character];
  const letter = SHORT_ESCAPES[character];
  const units = Array.from({ length: character.length }, (_, unit) =>
    character.charCodeAt(unit),
  );
  const forms = [
    [...Buffer.from(character)].map(byte => `%(?:25){0,3}${hex(byte, 2)}`).join(''),
    `${AMPERSAND}#(?:0{0,6}${code}|x0{0,6}${code.toString(16)});?`,
    // With exactly as many digits as they have, otherwise they could end in another secret.
    units.map(unit => `${BACKSLASHES}u${hex(unit, 4)}`).join(''),
    ...(code < 0x100 ? [`${BACKSLASHES}x${hex(code, 2)}`] : []),
    ...(entity ? [`\\\\{0,4}${AMPERSAND}${entity};`] : []),
    ...(letter ? [`${BACKSLASHES}${letter}`] : []),
    ...(character === ' ' ? ['\\+'] : []),
    // The character itself, possibly escaped, such as a quotation mark in JSON within HTML. It
    // comes last because `&`, `%` and a backslash also begin their own encodings.
    `${/["'\\/]/.test(character) ? '\\\\{0,4}' : ''}${escapePattern(character)}`,
  ];
  return `(?:${forms.join('|')})`;
}

/**
 * Returns a pattern for the base64 of a secret in either alphabet, with padding or without.
 *
 * Source: RFC 4648, section 5.
 */
function anyBase64(secret: string): string {
  const pattern = [...Buffer.from(secret).toString('base64url')].map(character => {
    const standard = { '-': '+', _: '/' }[character];
    return standard
      ? `(?:${character}|${anySpelling(standard)})`
      : anySpelling(character);
  });
  return `${pattern.join('')}${anySpelling('=')}{0,2}`;
}

/**
 * Creates a function that replaces the given secrets.
 *
 * @remarks It is case-insensitive, since host names are converted to lower case.
 *
 * @param secrets - passwords, tokens, `user:password` pairs; empty and very short ones
 * are ignored ({@link MIN_REDACTED_LENGTH})
 */
export function createRedactor(secrets: readonly string[]): Redact {
  const usable = [...new Set(secrets)].filter(
    secret => secret.length >= MIN_REDACTED_LENGTH,
  );
  const patterns = usable
    // The longest first: if a secret contains another, no part of it must remain.
    .sort((first, second) => second.length - first.length)
    .flatMap(secret => [
      [...secret].map(anySpelling).join(''),
      anyBase64(secret),
      Buffer.from(secret).toString('hex'),
    ]);
  if (patterns.length === 0) return text => text;
  const mayContainSecret = createPrecheck(usable);
  let anySecret: RegExp | undefined;
  return text => {
    if (!mayContainSecret(text)) return text;
    // Compiled only when needed, since that takes a third of a second.
    anySecret ??= new RegExp(patterns.join('|'), 'giu');
    return text.replace(anySecret, REDACTED);
  };
}

/** Creates a cheap check that rules out nearly all texts without a secret in any encoding. */
function createPrecheck(secrets: readonly string[]): (text: string) => boolean {
  const spellings = secrets.flatMap(secret => {
    const bytes = Buffer.from(secret);
    return [secret, bytes.toString('base64url'), bytes.toString('hex')];
  });
  const plain = new RegExp(spellings.map(toPlainPattern).join('|'), 'iu');
  const encoded = secrets.some(secret => secret.includes('"'))
    ? ENCODED_CHARACTER
    : ENCODED_CHARACTER_EXCEPT_QUOTE;
  return text => encoded.test(text) || plain.test(text);
}

/** Every encoding of a character, other than the character itself, begins with one of these. */
const ENCODED_CHARACTER = /[%\\]|&(?:#|[a-z]+;)/i;

/** Bitbucket's answer for each path that does not exist contains an escaped quotation mark. */
const ENCODED_CHARACTER_EXCEPT_QUOTE = /%|\\(?!")|&(?:#|[a-z]+;)/i;

/** Returns a pattern for a text in either base64 alphabet, and with the form encoding of a space. */
function toPlainPattern(text: string): string {
  return escapePattern(text).replace(/[- ]/g, '[-+ ]').replace(/_/g, '[_/]');
}

/** Returns the secrets of an integration. The redactor also finds their base64, as in `Basic`. */
export function getSecrets({
  token,
  username,
  password,
}: BitbucketServerIntegrationConfig): string[] {
  const pair = username && password ? `${username}:${password}` : undefined;
  return [token, password, pair].flatMap(secret => secret ?? []);
}
