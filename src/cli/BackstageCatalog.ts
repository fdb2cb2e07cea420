/**
 * What a live Backstage tells of the Locations in its catalog: which ones it shows, and what
 * each provider of this module reports to hold. Reads only.
 */

import { Entity, entityEnvelopeSchemaValidator } from '@backstage/catalog-model';
import { z } from 'zod';
import { addressKey } from '../discovery/identify';
import { HeldRemoval } from '../discovery/types';
import { RepositoryAddress } from '../model';
import { findPlainTarget } from '../provider/locationEntities';
import { ANNOTATION_DEFAULT_BRANCH, ANNOTATION_PROJECT_KEY } from '../util/annotations';
import { parseTarget } from '../util/parseUrls';
import { BackstageAddress, BackstageClient } from './BackstageClient';
import { CliIo } from './CliIo';
import { formatPlural } from './format';
import { InLiveCatalog } from './previewDocument';

const LOCATIONS_PER_PAGE = 500;
const REPOSITORIES_PER_PAGE = 1_000;

/** A catalog as far as it tells. */
export interface LiveCatalog {
  /** Base URL of its backend, to be shown. */
  readonly url: string;
  /** Targets of all Locations that it shows, of any origin. */
  readonly shown: ReadonlySet<string>;
  /** Among them the files in a Bitbucket Server that discovery emitted, of this module or the published one. */
  readonly discovered: readonly string[];
  /** One per provider that the backend has; none where it does not run this module. */
  readonly reports: readonly ProviderReport[];
}

/** What a provider of the backend reports. */
interface ProviderReport {
  readonly providerId: string;
  /** A run has come to its end: what is reported is all that the provider has in the catalog. */
  readonly isComplete: boolean;
  /** Targets of the Locations that it has in the catalog, those that are held back included. */
  readonly targets: readonly string[];
  readonly held: readonly HeldRemoval[];
  /** What became of the files of repositories, by `addressKey`. */
  readonly inCatalog: ReadonlyMap<string, InLiveCatalog>;
}

const FIELDS = [
  'apiVersion',
  'kind',
  'metadata.name',
  'metadata.namespace',
  'metadata.annotations',
  'spec.target',
  'spec.targets',
].join(',');

const EntityPage = z.object({
  items: z.array(z.unknown()),
  pageInfo: z.object({ nextCursor: z.string().optional() }),
});

const LocationSpec = z.object({
  target: z.string().optional(),
  targets: z.array(z.string()).optional(),
});

/** Below the catalog's API. */
const DISCOVERIES = '/bitbucket-server/discoveries';

const Discoveries = z.object({
  items: z.array(
    z.object({
      providerId: z.string(),
      status: z.string(),
      summary: z.object({ locations: z.number().optional() }).optional(),
      finishedAt: z.string().optional(),
    }),
  ),
});

const Discovery = z.object({
  heldRemovals: z.array(
    z.object({
      targetUrl: z.string(),
      since: z.string().datetime(),
      approved: z.boolean(),
    }),
  ),
});

/** Left out by a backend that cannot read it, or does not know of it yet. */
const InCatalog = z
  .object({
    entities: z.array(z.string()),
    errors: z.array(
      z.object({ entityRef: z.string(), message: z.string(), remedy: z.string() }),
    ),
  })
  .optional();

const RepositoryItem = z.object({
  catalog: InCatalog,
  checkedAt: z.iso.datetime().optional(),
  dueAt: z.iso.datetime().optional(),
  heldRemovals: z
    .array(
      z.object({ targetUrl: z.string(), since: z.iso.datetime(), approved: z.boolean() }),
    )
    .optional(),
});

const RepositoryPage = z.object({
  items: z.array(
    z.object({
      projectKey: z.string().optional(),
      repositorySlug: z.string().optional(),
      files: z.array(z.object({ targetUrl: z.string() })),
      catalog: InCatalog,
    }),
  ),
  totalItems: z.number(),
});

const validateEnvelope = entityEnvelopeSchemaValidator();

/**
 * Reads what a catalog tells of its Locations.
 *
 * @throws CommandFailedError in words without secrets when it cannot be read
 */
export async function readLiveCatalog(
  address: BackstageAddress,
  io: CliIo,
): Promise<LiveCatalog> {
  const client = new BackstageClient(address, io);
  const locations = (await readLocations(client)).flatMap(toEntity);
  return {
    url: address.url,
    shown: new Set(locations.flatMap(readTargets)),
    discovered: locations.flatMap(readDiscovered),
    reports: await readReports(client),
  };
}

function readLocations(client: BackstageClient): Promise<unknown[]> {
  return client.readPages(async cursor => {
    const query = {
      limit: String(LOCATIONS_PER_PAGE),
      fields: FIELDS,
      ...(cursor === undefined ? { filter: 'kind=location' } : { cursor }),
    };
    const page = await client.get('/entities/by-query', query, EntityPage);
    return { items: page.items, next: page.pageInfo.nextCursor };
  });
}

function toEntity(item: unknown): Entity[] {
  try {
    return [validateEnvelope(item)];
  } catch {
    return [];
  }
}

function readTargets({ spec }: Entity): string[] {
  const { target, targets = [] } = LocationSpec.safeParse(spec).data ?? {};
  return target === undefined ? targets : [target, ...targets];
}

/**
 * The file that discovery emitted, if a Location is one of its.
 *
 * @remarks Nothing else marks Locations so: what is registered by hand, named in the
 * configuration or read from another file has none of these annotations. The published module
 * sets that of the default branch. Source: version 0.5.15 of it.
 */
function readDiscovered(entity: Entity): string[] {
  const { annotations = {} } = entity.metadata;
  const isMarked = [ANNOTATION_PROJECT_KEY, ANNOTATION_DEFAULT_BRANCH].some(
    one => annotations[one] !== undefined,
  );
  const target = isMarked ? findPlainTarget(entity) : undefined;
  return target !== undefined && parseTarget(target) ? [target] : [];
}

async function readReports(client: BackstageClient): Promise<ProviderReport[]> {
  const list = await client.find(DISCOVERIES, Discoveries);
  const reports: ProviderReport[] = [];
  for (const { providerId, status, summary, finishedAt = '' } of list?.items ?? []) {
    const path = `${DISCOVERIES}/${encodeURIComponent(providerId)}`;
    const { heldRemovals } = await client.get(path, {}, Discovery);
    const repositories = await client.readPages(async (offset = '0') => {
      const query = { limit: String(REPOSITORIES_PER_PAGE), offset };
      const page = await client.get(`${path}/repositories`, query, RepositoryPage);
      const end = Number(offset) + page.items.length;
      const isLast = page.items.length === 0 || end >= page.totalItems;
      return { items: page.items, next: isLast ? undefined : String(end) };
    });
    const targets = repositories.flatMap(one => one.files.map(file => file.targetUrl));
    reports.push({
      providerId,
      // One that failed may have been the first, and has not seen everything then.
      isComplete: summary !== undefined && status !== 'failed',
      inCatalog: new Map(
        repositories.flatMap(({ projectKey = '', repositorySlug: slug = '', catalog }) =>
          catalog ? [[addressKey({ projectKey, slug }), catalog] as const] : [],
        ),
      ),
      targets: [...targets, ...heldRemovals.map(one => one.targetUrl)],
      held: heldRemovals.map(({ targetUrl: entryKey, since, approved }) => ({
        repositoryId: 0,
        entryKey,
        sinceMs: Date.parse(since),
        // As far as the report tells; the run itself measures it.
        confirmedForMs: Math.max(0, Date.parse(finishedAt) - Date.parse(since)) || 0,
        approved,
      })),
    });
  }
  return reports;
}

/**
 * Reads what became of the files of one repository, and when it was looked at.
 *
 * @returns `undefined` where the backend does not tell
 * @throws CommandFailedError in words without secrets when it cannot be read
 */
export async function readInLiveCatalog(
  address: BackstageAddress,
  providerId: string,
  { projectKey, slug }: RepositoryAddress,
  io: CliIo,
): Promise<z.infer<typeof RepositoryItem> | undefined> {
  const path = [providerId, 'repositories', projectKey, slug].map(encodeURIComponent);
  const client = new BackstageClient(address, io);
  return client.find(`${DISCOVERIES}/${path.join('/')}`, RepositoryItem);
}

/**
 * Reads which providers a backend has.
 *
 * @returns by id, how many Locations each has in the catalog; `undefined` where the backend
 * does not run this module, or does not tell this token
 * @throws CommandFailedError in words without secrets when it cannot be read
 */
export async function countBackendLocations(
  address: BackstageAddress,
  io: CliIo,
): Promise<Map<string, number> | undefined> {
  const list = await new BackstageClient(address, io).find(DISCOVERIES, Discoveries);
  return (
    list &&
    new Map(list.items.map(one => [one.providerId, one.summary?.locations ?? 0] as const))
  );
}

/**
 * Names the providers that a backend has and the configuration lacks: to the catalog a
 * provider is its id, and it drops those that are gone when it starts.
 *
 * @param counts - by id, how many Locations each provider of the backend has
 * @param configuredIds - of all that are configured
 * @returns a warning with the remedy; `undefined` where there are none
 */
export function describeLost(
  counts: ReadonlyMap<string, number>,
  configuredIds: readonly string[],
): string | undefined {
  const names = [...counts]
    .filter(([id]) => !configuredIds.includes(id))
    .map(([id, count]) => `"${id}" (${formatPlural(count, 'Location')})`);
  return names.length === 0
    ? undefined
    : `The backend has providers that this configuration lacks: ${names.join(', ')}. With it, the catalog would remove what they gave as soon as it starts, unless catalog.orphanProviderStrategy is "keep"; what another provider finds of the same comes back with its next run, with another uid. To go on where one left off, give its id to a provider below catalog.providers.bitbucketServer`;
}
