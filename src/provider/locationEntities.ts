/** What the catalog is given: one Location per catalog file, and the provider's anchor. Pure. */

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
import { anchorEntityName } from '../config/anchorEntityName';
import { CatalogLocation } from '../discovery/types';
import { CatalogFile } from '../model';
import { ANNOTATION_PROJECT_KEY, ANNOTATION_REPO_SLUG } from '../util/annotations';

const validateEnvelope = entityEnvelopeSchemaValidator();

/**
 * The provider's name in the catalog, which is also its location key. The published
 * module uses the same, so that switching to this one orphans nothing.
 */
export function providerName(providerId: string): string {
  return `bitbucketServer-provider:${providerId}`;
}

/** The id of the provider's task at Backstage's scheduler. */
export function getTaskId(providerId: string): string {
  return `${providerName(providerId)}:refresh`;
}

/** The entity ref of the Location by which the catalog reads a file. */
export function plainLocationRef(targetUrl: string): string {
  // The presence is no part of its name.
  return stringifyEntityRef(plainLocation({ targetUrl, presence: 'required' }));
}

/** The URL that a Location reads, if it is the one by which the catalog reads that. */
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
 * A Location to be read by the catalog, or what a location parser made in its place; the
 * same input gives the same entity, to the byte.
 */
export function toLocationEntity(
  location: CatalogLocation,
  providerId: string,
): DeferredEntity {
  if (location.file.entity) {
    const parsed: unknown = JSON.parse(location.file.entity.json);
    return { locationKey: providerName(providerId), entity: validateEnvelope(parsed) };
  }
  const entity = plainLocation(location.file);
  // Added to what was made just now: in a copy, each Location takes half as much memory again.
  Object.assign((entity.metadata.annotations ??= {}), {
    [ANNOTATION_PROJECT_KEY]: location.repository.projectKey,
    [ANNOTATION_REPO_SLUG]: location.repository.slug,
  });
  return { locationKey: providerName(providerId), entity };
}

/** What the anchor of a provider tells. */
export interface AnchoredProvider {
  readonly id: string;
  /** Of the integration. */
  readonly host: string;
  /** Scheme, host and context path of the server's web pages, no trailing slash. */
  readonly webBaseUrl: string;
}

/** The entity ref of a provider's anchor: refreshing that starts a run. */
export function anchorRef(providerId: string): string {
  return stringifyEntityRef({ kind: 'Location', name: anchorEntityName(providerId) });
}

/**
 * The Location that stands for the discovery itself: it shows in the catalog that there
 * is one, and refreshing it starts a run. It reads nothing.
 *
 * @remarks Its place is the server's web page since the entity page of Backstage offers the
 * refresh button only for places that begin with `url:` or `file:` (plugin-catalog,
 * `AboutCard`). The catalog reads targets, never that place.
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
