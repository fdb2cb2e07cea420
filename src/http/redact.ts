/**
 * Takes secrets out of texts. Servers and proxies echo what they were sent (an
 * Authorization header in an error page, a token in a message), and whatever they echo
 * may end up in a log or a report.
 *
 * Pure. Must not log and must not guess what a secret looks like: it knows the
 * configured ones. Called by the transport; anyone who quotes a server may call it too.
 */

import {
  BitbucketServerIntegrationConfig,
  getBitbucketServerRequestOptions,
} from '@backstage/integration';

/** What stands where a secret stood. */
export const REDACTED = '[redacted]';

/**
 * Secrets shorter than this many characters are left alone.
 *
 * @remarks Replacing each `a` or `in` would shred every message and would tell more about
 * the secret than it hides. The base64 of `user:password` is long enough whatever the
 * password, so an echoed Basic header is covered even then.
 */
const SHORTEST_REDACTED_LENGTH = 4;

/** Replaces every known secret in a text by {@link REDACTED}. */
export type Redact = (text: string) => string;

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** Through UTF-8 first: `encodeURIComponent` throws on half of a surrogate pair. */
function encodeForUrl(text: string): string {
  return encodeURIComponent(Buffer.from(text, 'utf8').toString('utf8'));
}

/** The ways a text may be written on its way through URLs, JSON, HTML and Basic headers. */
function spellings(secret: string): string[] {
  const urlForms = (text: string) => {
    const encoded = encodeForUrl(text);
    const lowerCased = encoded.replace(/%[0-9A-F]{2}/g, hex => hex.toLowerCase());
    return [encoded, lowerCased, encoded.replaceAll('%20', '+')];
  };
  const base64 = Buffer.from(secret, 'utf8').toString('base64');
  return [
    secret,
    ...urlForms(secret),
    base64,
    ...urlForms(base64),
    JSON.stringify(secret).slice(1, -1),
    escapeHtml(secret),
  ];
}

/**
 * Creates the function that hides the given secrets.
 *
 * @param secrets - passwords, tokens, `user:password` pairs; empty and very short ones
 * are ignored ({@link SHORTEST_REDACTED_LENGTH})
 */
export function createRedactor(secrets: readonly string[]): Redact {
  const forms = new Set(
    secrets
      .filter(secret => secret.length >= SHORTEST_REDACTED_LENGTH)
      .flatMap(secret => spellings(secret)),
  );
  // The longest first: where one form holds another, no tail of it must stay behind.
  const longestFirst = [...forms].sort((a, b) => b.length - a.length);
  return text =>
    longestFirst.reduce((rest, form) => rest.replaceAll(form, REDACTED), text);
}

/**
 * Takes secrets out of the body of an answer.
 *
 * @remarks JSON may write any character as an escape, which hides a secret from a search
 * and gives it back to whoever parses it: so it is parsed before it is searched.
 *
 * @returns the same document, in JSON's plain spelling where it is JSON
 */
export function redactBody(body: string, redact: Redact): string {
  try {
    const redacted: unknown = JSON.parse(body, (_, value: unknown) =>
      typeof value === 'string' ? redact(value) : value,
    );
    return JSON.stringify(redacted);
  } catch {
    return redact(body);
  }
}

/**
 * Finds what is secret in the headers a request is sent with.
 *
 * @param headers - the headers; only `Authorization` matters
 * @returns the credential without its scheme and, for `Basic`, the decoded
 * `user:password` and the password. Source: RFC 7617, section 2.
 */
export function secretsInHeaders(headers: Readonly<Record<string, string>>): string[] {
  const secrets: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (name.toLowerCase() !== 'authorization') continue;
    const [, scheme, credential] = /^(\S+)\s+(.+)$/s.exec(value.trim()) ?? [];
    secrets.push(credential ?? value.trim());
    if (credential && scheme?.toLowerCase() === 'basic') {
      const pair = Buffer.from(credential, 'base64').toString('utf8');
      secrets.push(pair, pair.slice(pair.indexOf(':') + 1));
    }
  }
  return secrets;
}

/** The secrets of an integration, as they are configured and as they are sent. */
export function secretsOf(integration: BitbucketServerIntegrationConfig): string[] {
  const { token, password } = integration;
  const { headers = {} } = getBitbucketServerRequestOptions(integration);
  return [...[token, password].flatMap(one => one ?? []), ...secretsInHeaders(headers)];
}
