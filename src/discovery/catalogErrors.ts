/**
 * What the errors of the catalog mean and what to do about them, by the words in which it
 * tells them: it has no codes. Pure.
 *
 * @remarks The words are those of catalog-backend 4.0.5, of catalog-model 1.10 and of the URL
 * reader of backend-defaults 0.19, or of the reader of this package; `test/catalogErrors.test.ts` has a real catalog say them.
 */

/** Why the catalog made nothing of a file, or of an entity in it. */
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

/** A code, and what to do in one sentence. */
export interface CatalogErrorExplanation {
  readonly reason: CatalogErrorReason;
  readonly remedy: string;
}

interface Rule extends CatalogErrorExplanation {
  readonly pattern: RegExp;
}

/** With which the catalog begins what kept it from a file that a Location names. */
const READ = /^\w+: Unable to read url\b/;

const BY_ITSELF = 'the catalog tries again by itself';

/** The first one that fits decides; the documentation lists them. */
export const CATALOG_ERROR_RULES: readonly Rule[] = [
  {
    // The catalog quotes the line that it could not read.
    pattern: /\bYAML error at\b[^]*<(?:!doctype|html)\b/i,
    reason: 'html-page',
    remedy:
      'Put the YAML of an entity in the place of the HTML page; if the file in Bitbucket holds none, look for what answers in its place, such as a login page or a proxy.',
  },
  {
    pattern:
      /^\w+: (?:YAML error at|Failed to parse YAML|Unable to read url, (?:Unresolved alias|Excessive alias count))/,
    reason: 'invalid-yaml',
    remedy: 'Mend the YAML of the file at the place that the message names.',
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
      'Put the YAML of an entity into the file: Bitbucket gives a mere text for a file in Git LFS (take it out in `.gitattributes`), for a symbolic link (commit the file itself) and for an HTML page.',
  },
  {
    pattern: /is not of an allowed kind for that location/,
    reason: 'kind-not-allowed',
    remedy:
      'Allow the kind in `catalog.rules` and restart the backend, or take the entity out of the file: until then the catalog takes nothing new from the whole file.',
  },
  {
    pattern: /No processor recognized the entity/,
    reason: 'unknown-kind',
    remedy:
      'Correct `apiVersion` and `kind`, or install the catalog module that knows them.',
  },
  {
    pattern: /Reading from '[^']*' is not allowed/,
    reason: 'host-not-allowed',
    remedy:
      'Name a file that the backend may read, or add its host to `integrations` or `backend.reading.allow`.',
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
    remedy: `Raise the rate limit of the account in Bitbucket, or have the catalog read less often by \`catalog.processingInterval\`; ${BY_ITSELF}.`,
  },
  {
    pattern:
      /could not be read (?:as \S+, 5\d\d\b|\((?:server-error|unexpected-answer)\))/,
    reason: 'server-error',
    remedy: `Look at Bitbucket and at what stands before it; ${BY_ITSELF}.`,
  },
  {
    pattern: /\bPlaceholderProcessor\b|\bPlaceholder \$/,
    reason: 'placeholder',
    remedy:
      'Have the placeholder name a file of the same repository that exists and can be parsed; the message says what is wrong with it.',
  },
  {
    pattern: /locations must be of an allowed type/,
    reason: 'location-type',
    remedy: 'Leave `spec.type` of the Location out, or make it `url`.',
  },
  {
    pattern: /^NotFoundError: Unable to read url\b/,
    reason: 'not-found',
    remedy:
      'Put the file where the message says, or take it out of the Location that names it; a file that discovery found and that is gone leaves the catalog with the next run.',
  },
  {
    pattern:
      /could not be read \(timeout\)|fetch failed|\bE(?:CONN|TIMEDOUT|AI_)|socket hang up|tim(?:ed? ?out|eout)/i,
    reason: 'unreachable',
    remedy: `Check that the backend reaches Bitbucket: address, proxy, certificate; ${BY_ITSELF}.`,
  },
  {
    pattern: READ,
    reason: 'unreadable',
    remedy: `Remove what the message says kept the catalog from the file; ${BY_ITSELF}.`,
  },
  {
    pattern: /"metadata\.name(?:space)?" is not valid/,
    reason: 'invalid-name',
    remedy:
      'Give it a name of at most 63 characters as the message says: letters, digits and single `-`, `_` or `.` between them; of a namespace only small letters, digits and `-`.',
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
  remedy: 'Look into the log of the backend, which may say more than the message.',
};

/**
 * Explains an error of the catalog.
 *
 * @param message - as the catalog shows it, after the name of the error
 */
export function explainCatalogError(message: string): CatalogErrorExplanation {
  const { reason, remedy } =
    CATALOG_ERROR_RULES.find(one => one.pattern.test(message)) ?? OTHER;
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
 * Whether the catalog could not read the file of a Location, whatever kept it from that.
 *
 * @param message - as the catalog shows it, after the name of the error
 */
export function isReadError(message: string): boolean {
  return READ.test(message) && READ_REASONS.has(explainCatalogError(message).reason);
}
