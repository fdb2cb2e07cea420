/**
 * Explains errors of the catalog and how to fix them. Errors are recognized by their
 * text, since they have no codes. Pure.
 *
 * @remarks The texts are those of catalog-backend 4.0.5, of catalog-model 1.10 and of the
 * URL reader of backend-defaults 0.19, or of the reader of this package;
 * `test/catalogErrors.test.ts` produces them with a real catalog.
 */

/** Why the catalog could not process a file, or an entity in it. */
export const CATALOG_ERROR_REASONS = [
  'html-page',
  'invalid-yaml',
  'list',
  'no-entity',
  'kind-not-allowed',
  'unknown-kind',
  'host-not-allowed',
  'not-permitted',
  'rate-limited',
  'server-error',
  'placeholder',
  'location-type',
  'not-found',
  'unreachable',
  'unreadable',
  'invalid-name',
  'invalid-entity',
  'name-taken',
  'other',
] as const;
export type CatalogErrorReason = (typeof CATALOG_ERROR_REASONS)[number];

/** A code, and the remedy in one sentence. */
export interface CatalogErrorExplanation {
  readonly reason: CatalogErrorReason;
  readonly remedy: string;
}

interface Rule extends CatalogErrorExplanation {
  readonly pattern: RegExp;
}

/** Start of the catalog's message when it could not read the file of a Location. */
const READ = /^\w+: Unable to read url\b/;

const RETRIES = 'the catalog retries automatically';

/** The first matching rule applies; the documentation lists them. */
export const CATALOG_ERROR_RULES: readonly Rule[] = [
  {
    // The catalog quotes the line that it could not read.
    pattern: /\bYAML error at\b[^]*<(?:!doctype|html)\b/i,
    reason: 'html-page',
    remedy:
      'Replace the HTML page with the YAML of an entity; if the file in Bitbucket contains no HTML page, find out what answers instead, such as a login page or a proxy.',
  },
  {
    pattern:
      /^\w+: (?:YAML error at|Failed to parse YAML|Unable to read url, (?:Unresolved alias|Excessive alias count))/,
    reason: 'invalid-yaml',
    remedy: 'Fix the YAML of the file at the position that the message names.',
  },
  {
    pattern: /Expected object at root, got object/,
    reason: 'list',
    remedy:
      'Write the entities one after the other, with a line `---` between them, not as a list.',
  },
  {
    pattern: /Expected object at root/,
    reason: 'no-entity',
    remedy:
      'Put the YAML of an entity into the file. Bitbucket returns plain text for a file in Git LFS (exclude it in `.gitattributes`), for a symbolic link (commit the file itself) and for an HTML page.',
  },
  {
    pattern: /is not of an allowed kind for that location/,
    reason: 'kind-not-allowed',
    remedy:
      'Allow the kind in `catalog.rules` and restart the backend, or remove the entity from the file: until then the catalog accepts nothing new from the whole file.',
  },
  {
    pattern: /No processor recognized the entity/,
    reason: 'unknown-kind',
    remedy:
      'Correct `apiVersion` and `kind`, or install the catalog module that supports them.',
  },
  {
    pattern: /Reading from '[^']*' is not allowed/,
    reason: 'host-not-allowed',
    remedy:
      'Refer to a file that the backend may read, or add its host to `integrations` or `backend.reading.allow`.',
  },
  {
    pattern: /could not be read (?:as \S+, 40[13]\b|\(not-permitted\))/,
    reason: 'not-permitted',
    remedy:
      'Give the account of `integrations.bitbucketServer`, with which the catalog reads, the permission to read the repository.',
  },
  {
    pattern: /could not be read (?:as \S+, 429\b|\(rate-limited\))/,
    reason: 'rate-limited',
    remedy: `Raise the rate limit of the account in Bitbucket, or make the catalog read less often with \`catalog.processingInterval\`; ${RETRIES}.`,
  },
  {
    pattern:
      /could not be read (?:as \S+, 5\d\d\b|\((?:server-error|unexpected-answer)\))/,
    reason: 'server-error',
    remedy: `Check Bitbucket and any proxy in front of it; ${RETRIES}.`,
  },
  {
    pattern: /\bPlaceholderProcessor\b|\bPlaceholder \$/,
    reason: 'placeholder',
    remedy:
      'Make the placeholder refer to a file in the same repository that exists and can be parsed; the message says what is wrong.',
  },
  {
    pattern: /locations must be of an allowed type/,
    reason: 'location-type',
    remedy: 'Omit `spec.type` of the Location, or set it to `url`.',
  },
  {
    pattern: /^NotFoundError: Unable to read url\b/,
    reason: 'not-found',
    remedy:
      'Add the file at the URL in the message, or remove it from the Location that refers to it; a file found by discovery and deleted since leaves the catalog with the next run.',
  },
  {
    pattern:
      /could not be read \(timeout\)|fetch failed|\bE(?:CONN|TIMEDOUT|AI_)|socket hang up|tim(?:ed? ?out|eout)/i,
    reason: 'unreachable',
    remedy: `Check that the backend can reach Bitbucket: address, proxy, certificate; ${RETRIES}.`,
  },
  {
    pattern: READ,
    reason: 'unreadable',
    remedy: `Fix the cause that the message gives; ${RETRIES}.`,
  },
  {
    pattern: /"metadata\.name(?:space)?" is not valid/,
    reason: 'invalid-name',
    remedy:
      'Use a name of at most 63 characters, as the message says: letters, digits and single `-`, `_` or `.` between them; for a namespace only lower-case letters, digits and `-`.',
  },
  {
    pattern:
      /Policy check failed|failed validation|while validating the entity|\bmust (?:have required|be|NOT)\b/,
    reason: 'invalid-entity',
    remedy: 'Correct the field of the entity that the message names.',
  },
];

const OTHER: CatalogErrorExplanation = {
  reason: 'other',
  remedy: 'Check the log of the backend, which may say more than the message.',
};

/**
 * Explains an error of the catalog.
 *
 * @param message - as the catalog shows it, after the name of the error
 */
export function explainCatalogError(message: string): CatalogErrorExplanation {
  const { reason, remedy } =
    CATALOG_ERROR_RULES.find(rule => rule.pattern.test(message)) ?? OTHER;
  return { reason, remedy };
}

const READ_REASONS: ReadonlySet<CatalogErrorReason> = new Set([
  'not-permitted',
  'rate-limited',
  'server-error',
  'not-found',
  'unreachable',
  'unreadable',
]);

/**
 * Whether the catalog could not read the file of a Location, for any reason.
 *
 * @param message - as the catalog shows it, after the name of the error
 */
export function isReadError(message: string): boolean {
  return READ.test(message) && READ_REASONS.has(explainCatalogError(message).reason);
}
