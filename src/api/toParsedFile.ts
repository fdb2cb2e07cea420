/** From an entity that a location parser yielded to what the engine keeps of it. Pure. */

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
 * Fills in what the parser left out.
 *
 * @param yielded - what the parser yielded: not trusted to be an entity
 * @param file - what it was yielded for
 * @throws TypeError when it is no entity
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
      // So that it takes the place of the Location that the catalog has without a parser.
      key: findPlainTarget(entity) ?? ref,
      json: canonicalJson(entity) ?? '',
    },
  };
}

/** Through JSON first: only what that keeps reaches the catalog. */
function toEntity(yielded: unknown): Entity {
  try {
    const plain: unknown = JSON.parse(canonicalJson(yielded) ?? 'null');
    return validateEntity(plain);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new TypeError(`it yielded something that is no entity: ${detail}`);
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
