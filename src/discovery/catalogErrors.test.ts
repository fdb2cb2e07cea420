import { CATALOG_ERROR_REASONS, explainCatalogError, isReadError } from './catalogErrors';

const FILE = 'https://git.test/projects/PAY/repos/api/browse/catalog-info.yaml';
const RAW =
  'https://git.test/rest/api/1.0/projects/PAY/repos/api/raw/catalog-info.yaml?at=';
const PLACEHOLDER =
  'InputError: Processor PlaceholderProcessor threw an error while preprocessing; caused by Error: Placeholder';
const POLICY =
  'InputError: Policy check failed for component:default/x; caused by Error:';
const yaml = (rest: string) =>
  `Error: YAML error at url:${FILE}, YAMLParseError: ${rest}`;
const answered = (status: string) =>
  `Error: Unable to read url, ${FILE} could not be read as ${RAW}, ${status}`;

/** An error from the reader of this package instead of the built-in one. */
const unread = (reason: string) =>
  `Error: Unable to read url, Error: ${FILE} could not be read (${reason}): Bitbucket answered otherwise`;

/** Messages as a real catalog wrote them. */
const MESSAGES: readonly (readonly [string, string])[] = [
  [
    'html-page',
    yaml(
      'Implicit keys need to be on a single line at line 1, column 1:\n\n<!DOCTYPE html>\n^\n',
    ),
  ],
  [
    'invalid-yaml',
    yaml(
      'Tabs are not allowed as indentation at line 4, column 1:\n\nmetadata:\n\tname: x\n^\n',
    ),
  ],
  [
    'invalid-yaml',
    'Error: Unable to read url, Unresolved alias (the anchor must be set before the alias): x',
  ],
  [
    'invalid-yaml',
    'Error: Unable to read url, Excessive alias count indicates a resource exhaustion attack',
  ],
  ['list', 'Error: Expected object at root, got object'],
  ['no-entity', 'Error: Expected object at root, got string'],
  ['no-entity', 'Error: Expected object at root, got number'],
  [
    'kind-not-allowed',
    `NotAllowedError: Entity group:default/g at url:${FILE}, originated at url:${FILE}, is not of an allowed kind for that location`,
  ],
  [
    'unknown-kind',
    'InputError: No processor recognized the entity component:default/x as valid, possibly caused by a foreign kind or apiVersion',
  ],
  [
    'host-not-allowed',
    "Error: Unable to read url, Reading from 'https://elsewhere.test/x.yaml' is not allowed. You may need to configure an integration for the target host, or add it to the configured list of allowed hosts at 'backend.reading.allow'",
  ],
  ['not-permitted', answered('401 Unauthorized')],
  ['not-permitted', answered('403 Forbidden')],
  ['rate-limited', answered('429 Too Many Requests')],
  ['server-error', answered('503 Service Unavailable')],
  ['not-permitted', unread('not-permitted')],
  ['rate-limited', unread('rate-limited')],
  ['server-error', unread('server-error')],
  ['server-error', unread('unexpected-answer')],
  ['unreachable', unread('timeout')],
  [
    'server-error',
    `${PLACEHOLDER} $text could not read location ./x.md, Error: ${FILE} could not be read as ${RAW}, 500 Internal Server Error`,
  ],
  [
    'placeholder',
    `${PLACEHOLDER} $text could not read location ./x.md, NotFoundError: ${FILE} could not be read as ${RAW}, 404 Not Found`,
  ],
  [
    'placeholder',
    `${PLACEHOLDER} may only reference files from the same repository as the entity`,
  ],
  [
    'placeholder',
    `${PLACEHOLDER} $json failed to parse JSON data at ./README.md, SyntaxError: Unexpected token`,
  ],
  [
    'location-type',
    'InputError: Registered locations must be of an allowed type ["url"]',
  ],
  ['not-found', `NotFoundError: Unable to read url, no matching files found for ${FILE}`],
  [
    'unreachable',
    `Error: Unable to read url, Unable to read ${FILE}, TypeError: fetch failed`,
  ],
  ['unreadable', 'Error: Unable to read url, something else'],
  [
    'invalid-name',
    `${POLICY} "metadata.name" is not valid; expected a string that is sequences of [a-zA-Z0-9] separated by any of [-_.], at most 63 characters in total but found "My Service".`,
  ],
  ['invalid-name', `${POLICY} "metadata.namespace" is not valid; expected a string`],
  ['invalid-entity', `${POLICY} "tags.0" is not valid; expected a string`],
  [
    'invalid-entity',
    "TypeError: <root> must have required property 'kind' - missingProperty: kind",
  ],
  ['invalid-entity', 'TypeError: /metadata/name must be string - type: string'],
  ['invalid-entity', 'Error: metadata.annotations must be a valid object'],
  ['other', 'ConflictError: Fatal: The entity kind, namespace, or name changed'],
  ['other', ''],
];

describe('an error of the catalog', () => {
  it.each(MESSAGES)('is explained as %s: %s', (reason, message) => {
    expect(explainCatalogError(message).reason).toBe(reason);
  });

  it('is explained with a remedy of one sentence that is the same for each reason', () => {
    const remedies = new Map(
      MESSAGES.map(([reason, message]) => [reason, explainCatalogError(message).remedy]),
    );
    for (const [reason, message] of MESSAGES) {
      const { remedy } = explainCatalogError(message);
      expect(remedy).toBe(remedies.get(reason));
      expect(remedy).toMatch(/^[A-Z][^]*[^.]\.$/);
    }
    // The message of the catalog is not about an error in the file.
    expect([...remedies.keys(), 'name-taken'].sort()).toEqual(
      [...CATALOG_ERROR_REASONS].sort(),
    );
  });

  it.each(MESSAGES)(
    'is classified as a failure to read the file or not: %s, %s',
    (reason, message) => {
      const isRead =
        message.includes('Unable to read url') &&
        !['invalid-yaml', 'host-not-allowed'].includes(reason);
      expect(isReadError(message)).toBe(isRead);
    },
  );
});
