/** Adapts a custom location parser to the engine, which calls it for found files. */

import { BitbucketServerCredentialsError } from '../bitbucket/errors';
import { RestClient } from '../bitbucket/RestClient';
import { repositoryUrl } from '../bitbucket/webUrls';
import { ProviderConfig } from '../config/types';
import { ParsedFiles } from '../discovery/types';
import { createRedactor, getSecrets } from '../http/redact';
import { TimeoutReached, withTimeout } from '../util/clock';
import { raceAbort } from '../util/abort';
import { CatalogFile, Repository, RepositoryAddress } from '../model';
import { quote, canonicalJson } from '../util/text';
import { FileParserSetup } from '../provider/createProviders';
import { FileParser } from '../provider/ProviderContext';
import {
  BitbucketServerClient,
  toPublicRepository,
  fetchThrough,
} from './BitbucketServerClient';
import {
  BitbucketServerLocationParser,
  BitbucketServerLocationParserOptions,
} from './locationParser';
import { BitbucketServerProviderConfig } from './types';
import {
  ANNOTATION_LOCATION,
  ANNOTATION_ORIGIN_LOCATION,
  Entity,
  entitySchemaValidator,
  stringifyEntityRef,
} from '@backstage/catalog-model';
import { findPlainTarget } from '../provider/locationEntities';
import { ANNOTATION_PROJECT_KEY, ANNOTATION_REPO_SLUG } from '../util/annotations';

/** Time limit for the files of one repository; a parser that hangs would block the run. */
const TIME_LIMIT_MS = 5 * 60_000;

/** Maximum length of a parser's error message, which may quote whole files. */
const MAX_DETAIL = 1_000;

/** Creates the function that a provider calls for the files of each repository. */
export function createFileParser(
  parser: BitbucketServerLocationParser,
  setup: FileParserSetup,
): FileParser {
  const { clock, integration } = setup;
  const redact = createRedactor(getSecrets(integration));
  return client =>
    (repository, files, { signal }) => {
      const parse = async (timeLimit: AbortSignal): Promise<ParsedFiles> => {
        const parsed: CatalogFile[] = [];
        for (const file of files) {
          const options = optionsFor(file, repository, setup, client, timeLimit);
          for await (const entity of iterate(parser(options), timeLimit)) {
            parsed.push(toParsedFile(entity, file, repository));
          }
        }
        rejectDuplicates(parsed);
        return { kind: 'parsed', files: parsed };
      };
      return withTimeout(parse, { clock, ms: TIME_LIMIT_MS, signal }).catch(
        (error: unknown): ParsedFiles => {
          signal?.throwIfAborted();
          if (error instanceof BitbucketServerCredentialsError) {
            throw error;
          }
          const said =
            error instanceof TimeoutReached
              ? `The location parser did not finish within ${TIME_LIMIT_MS / 60_000} minutes`
              : `The location parser failed: ${getMessage(error)}`;
          const detail = quote(redact(said), MAX_DETAIL);
          return { kind: 'failed', problem: { reason: 'parser-failed', detail } };
        },
      );
    };
}

function optionsFor(
  { path, targetUrl }: CatalogFile,
  repository: Repository,
  { config, integration, logger }: FileParserSetup,
  client: RestClient,
  signal: AbortSignal,
): BitbucketServerLocationParserOptions {
  const { projectKey, slug } = repository;
  return {
    repository: toPublicRepository(repository, {
      self: [{ href: repositoryUrl(repository, integration) }],
    }),
    branch: config.branch,
    path,
    location: { type: 'url', target: targetUrl, presence: 'optional' },
    config: toPublicConfig(config),
    client: new BitbucketServerClient({
      config: { host: integration.host, apiBaseUrl: integration.apiBaseUrl },
      fetchApi: fetchThrough(client, signal),
    }),
    logger: logger.child({ providerId: config.id, projectKey, repositorySlug: slug }),
  };
}

/** Leaves out secrets, and settings that do not concern the content of a repository. */
function toPublicConfig(config: ProviderConfig): BitbucketServerProviderConfig {
  const { id, host, branch, validateLocationsExist } = config;
  return {
    id,
    host,
    catalogPaths: config.catalogPaths.map(
      entry => `/${entry.kind === 'plain' ? entry.path : entry.pattern}`,
    ),
    ...(branch !== undefined && { branch }),
    validateLocationsExist,
  };
}

/** Iterates over the entities of a parser, and ends it when the signal is aborted. */
async function* iterate(
  yielded: AsyncIterable<unknown>,
  signal: AbortSignal,
): AsyncGenerator<unknown> {
  if (typeof yielded?.[Symbol.asyncIterator] !== 'function') {
    throw new TypeError('it is not an async generator function');
  }
  const iterator = yielded[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = await raceAbort(iterator.next(), signal);
      if (step.done) {
        return;
      }
      yield step.value;
    }
  } finally {
    // Not awaited: a parser that hangs would settle this only once it continues.
    iterator.return?.().catch(() => undefined);
  }
}

/** Throws if two entities have the same ref: the catalog would silently take only one of them. */
function rejectDuplicates(files: readonly CatalogFile[]): void {
  const seen = new Map<string, CatalogFile>();
  for (const file of files) {
    const ref = file.entity?.key ?? file.targetUrl;
    const duplicate = seen.get(ref);
    if (duplicate) {
      throw new Error(
        `it yielded ${ref} twice, for ${duplicate.path} and for ${file.path}`,
      );
    }
    seen.set(ref, file);
  }
}

function getMessage(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return 'it threw a value that cannot be converted to a string';
  }
}

const validateEntity = entitySchemaValidator();

/**
 * Converts a value that a parser yielded, and adds missing annotations.
 *
 * @param yielded - the value, which may not be an entity
 * @param file - the file that was parsed
 * @throws TypeError if it is not an entity
 */
export function toParsedFile(
  yielded: unknown,
  file: CatalogFile,
  repository: RepositoryAddress,
): CatalogFile {
  const entity = withAnnotations(toEntity(yielded), file, repository);
  const ref = stringifyEntityRef(entity);
  return {
    path: file.path,
    targetUrl: file.targetUrl,
    presence: file.presence,
    entity: {
      // With this key it replaces the Location that the catalog holds without a parser.
      key: findPlainTarget(entity) ?? ref,
      json: canonicalJson(entity) ?? '',
    },
  };
}

/** Converts to JSON and back first, since only JSON reaches the catalog. */
function toEntity(yielded: unknown): Entity {
  try {
    const plain: unknown = JSON.parse(canonicalJson(yielded) ?? 'null');
    return validateEntity(plain);
  } catch (error) {
    throw new TypeError(`it yielded a value that is not an entity: ${getMessage(error)}`);
  }
}

function withAnnotations(
  entity: Entity,
  { targetUrl }: CatalogFile,
  { projectKey, slug }: RepositoryAddress,
): Entity {
  return {
    ...entity,
    metadata: {
      ...entity.metadata,
      annotations: {
        [ANNOTATION_LOCATION]: `url:${targetUrl}`,
        [ANNOTATION_ORIGIN_LOCATION]: `url:${targetUrl}`,
        [ANNOTATION_PROJECT_KEY]: projectKey,
        [ANNOTATION_REPO_SLUG]: slug,
        ...entity.metadata.annotations,
      },
    },
  };
}
