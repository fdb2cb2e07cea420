/** Converts an entity from a location parser to the form that the engine uses. Pure. */

import {
  ANNOTATION_LOCATION,
  ANNOTATION_ORIGIN_LOCATION,
  Entity,
  entitySchemaValidator,
  stringifyEntityRef,
} from '@backstage/catalog-model';
import { CatalogFile, RepositoryAddress } from '../model';
import { findPlainTarget } from '../provider/locationEntities';
import { ANNOTATION_PROJECT_KEY, ANNOTATION_REPO_SLUG } from '../util/annotations';
import { canonicalJson } from '../util/text';

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
    const detail = error instanceof Error ? error.message : String(error);
    throw new TypeError(`it yielded a value that is not an entity: ${detail}`);
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
