/** Creates the emitted entities: one Location per catalog file, and the provider's anchor. Pure. */

import {
  ANNOTATION_LOCATION,
  ANNOTATION_ORIGIN_LOCATION,
  Entity,
  entityEnvelopeSchemaValidator,
  LocationEntity,
  stringifyEntityRef,
} from '@backstage/catalog-model';
import {
  DeferredEntity,
  locationSpecToLocationEntity,
} from '@backstage/plugin-catalog-node';
import { anchorEntityName } from '../config/readProviderConfigs';
import { CatalogLocation } from '../discovery/types';
import { CatalogFile } from '../model';
import { ANNOTATION_PROJECT_KEY, ANNOTATION_REPO_SLUG } from '../util/annotations';

const validateEnvelope = entityEnvelopeSchemaValidator();

/**
 * Returns the provider's name in the catalog, which is also its location key. The published
 * module uses the same name, so that a switch to this module orphans nothing.
 */
export function providerName(providerId: string): string {
  return `bitbucketServer-provider:${providerId}`;
}

/** Returns the entity ref of the Location through which the catalog reads a file. */
export function plainLocationRef(targetUrl: string): string {
  // The presence is not part of its name.
  return stringifyEntityRef(plainLocation({ targetUrl, presence: 'required' }));
}

/** Returns the URL that a Location reads if this module emits it for that URL under this name. */
export function findPlainTarget(entity: Entity): string | undefined {
  const target = entity.spec?.target;
  return typeof target === 'string' &&
    stringifyEntityRef(entity) === plainLocationRef(target)
    ? target
    : undefined;
}

function plainLocation({
  targetUrl,
  presence,
}: Pick<CatalogFile, 'targetUrl' | 'presence'>): LocationEntity {
  return locationSpecToLocationEntity({
    location: { type: 'url', target: targetUrl, presence },
  });
}

/**
 * Creates the Location for a file, or returns the entity that a location parser created
 * instead; the same input always yields the same entity, byte for byte.
 */
export function toLocationEntity(location: CatalogLocation): Entity {
  if (location.file.entity) {
    return validateEnvelope(JSON.parse(location.file.entity.json));
  }
  const entity = plainLocation(location.file);
  // Changes the new object in place: with a copy, each Location would take 50 % more memory.
  Object.assign((entity.metadata.annotations ??= {}), {
    [ANNOTATION_PROJECT_KEY]: location.repository.projectKey,
    [ANNOTATION_REPO_SLUG]: location.repository.slug,
  });
  return entity;
}

/** The details of a provider that its anchor shows. */
export interface AnchoredProvider {
  readonly id: string;
  /** The host of the integration. */
  readonly host: string;
  /** Scheme, host and context path of the server's web pages, no trailing slash. */
  readonly webBaseUrl: string;
}

/** Returns the entity ref of a provider's anchor; refreshing that entity starts a run. */
export function anchorRef(providerId: string): string {
  return stringifyEntityRef({ kind: 'Location', name: anchorEntityName(providerId) });
}

/**
 * Creates the Location that represents the discovery itself: it makes the discovery visible
 * in the catalog, and refreshing it starts a run. It reads nothing.
 *
 * @remarks Its location annotation is the server's web page, since the entity page of Backstage
 * shows the refresh button only for locations that start with `url:` or `file:`
 * (plugin-catalog, `AboutCard`). The catalog reads targets, never that annotation.
 */
export function anchorEntity({ id, host, webBaseUrl }: AnchoredProvider): DeferredEntity {
  const name = anchorEntityName(id);
  const entity: LocationEntity = {
    apiVersion: 'backstage.io/v1alpha1',
    kind: 'Location',
    metadata: {
      name,
      title: `Bitbucket discovery: ${id}`,
      description: `Catalog files discovered on ${host}. Refresh this entity to run discovery now.`,
      annotations: {
        [ANNOTATION_LOCATION]: `url:${webBaseUrl}/`,
        [ANNOTATION_ORIGIN_LOCATION]: `bitbucket-server-discovery:${name}`,
      },
    },
    spec: { type: 'url', targets: [] },
  };
  return { locationKey: providerName(id), entity };
}
