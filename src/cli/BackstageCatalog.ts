/**
 * Reads the Locations in the catalog of a live Backstage: those that the catalog shows, and
 * those in the report of each provider of this module. Changes nothing.
 */

import { Entity, entityEnvelopeSchemaValidator } from '@backstage/catalog-model';
import { z } from 'zod';
import { addressKey } from '../discovery/identify';
import { HeldRemoval } from '../discovery/types';
import { RepositoryAddress } from '../model';
import { findPlainTarget } from '../provider/locationEntities';
import { ANNOTATION_DEFAULT_BRANCH, ANNOTATION_PROJECT_KEY } from '../util/annotations';
import { parseTarget } from '../util/parseUrls';
import { formatPlural } from '../util/text';
import { BackstageAddress, BackstageClient } from './BackstageClient';
import { CliIo } from './terminal';
import { InLiveCatalog } from './previewDocument';

const LOCATIONS_PER_PAGE = 500;
const REPOSITORIES_PER_PAGE = 1_000;

/** The Locations and reports of a catalog. */
export interface LiveCatalog {
  /** Base URL of its backend, for display. */
  readonly url: string;
  /** The targets of all Locations that it shows, of any origin. */
  readonly shown: ReadonlySet<string>;
  /** Those among them that discovery emitted, by this module or the published one. */
  readonly discovered: readonly string[];
  /** One per provider of the backend; empty if it does not run this module. */
  readonly reports: readonly ProviderReport[];
}

/** The report of a provider of the backend. */
interface ProviderReport {
  readonly providerId: string;
  /** Whether a run has finished, so that `targets` has all Locations of the provider. */
  readonly isComplete: boolean;
  /** The targets of its Locations in the catalog, including those held back. */
  readonly targets: readonly string[];
  readonly held: readonly HeldRemoval[];
  /** The entities and errors of each repository, by `addressKey`. */
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

/** The path under the catalog's API. */
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

const HeldRemovals = z.array(
  z.object({ targetUrl: z.string(), since: z.iso.datetime(), approved: z.boolean() }),
);

const Discovery = z.object({ heldRemovals: HeldRemovals });

/** Omitted by a backend that cannot read it, or that does not support it yet. */
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
  heldRemovals: HeldRemovals.optional(),
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
 * Reads the Locations and the reports of a catalog.
 *
 * @throws CommandFailedError if it cannot be read; its message contains no secrets
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
 * Returns the file of a Location that discovery emitted.
 *
 * @remarks Only discovery sets these annotations: a Location that is registered by hand, named
 * in the configuration or read from another file has none of them. The published module sets
 * the one with the default branch. Source: version 0.5.15 of it.
 *
 * @returns the target; empty for any other Location
 */
function readDiscovered(entity: Entity): string[] {
  const { annotations = {} } = entity.metadata;
  const isMarked = [ANNOTATION_PROJECT_KEY, ANNOTATION_DEFAULT_BRANCH].some(
    annotation => annotations[annotation] !== undefined,
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
    const targets = repositories.flatMap(({ files }) =>
      files.map(file => file.targetUrl),
    );
    reports.push({
      providerId,
      // A failed run may have been the first one, which did not check every repository.
      isComplete: summary !== undefined && status !== 'failed',
      inCatalog: new Map(
        repositories.flatMap(({ projectKey = '', repositorySlug: slug = '', catalog }) =>
          catalog ? [[addressKey({ projectKey, slug }), catalog] as const] : [],
        ),
      ),
      targets: [...targets, ...heldRemovals.map(removal => removal.targetUrl)],
      held: heldRemovals.map(({ targetUrl: entryKey, since, approved }) => ({
        repositoryId: 0,
        entryKey,
        sinceMs: Date.parse(since),
        // An estimate: the report does not have the time that the run measures.
        confirmedForMs: Math.max(0, Date.parse(finishedAt) - Date.parse(since)) || 0,
        approved,
      })),
    });
  }
  return reports;
}

/**
 * Reads what a backend reports about one repository: the entities and errors of its files,
 * the times of its checks and its held removals.
 *
 * @returns `undefined` if the backend does not report it
 * @throws CommandFailedError if it cannot be read; its message contains no secrets
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
 * Reads the number of Locations of each provider of a backend.
 *
 * @returns the numbers by provider id; `undefined` if the backend does not run this module,
 * or the token may not read them
 * @throws CommandFailedError if it cannot be read; its message contains no secrets
 */
export async function countBackendLocations(
  address: BackstageAddress,
  io: CliIo,
): Promise<Map<string, number> | undefined> {
  const list = await new BackstageClient(address, io).find(DISCOVERIES, Discoveries);
  return (
    list &&
    new Map(
      list.items.map(
        ({ providerId, summary }) => [providerId, summary?.locations ?? 0] as const,
      ),
    )
  );
}

/**
 * Warns about providers that a backend has and the configuration lacks: the catalog identifies
 * a provider by its id, and drops the Locations of missing providers when it starts.
 *
 * @param counts - the number of Locations of each provider of the backend, by id
 * @param configuredIds - the ids of all configured providers
 * @returns a warning with the remedy; `undefined` if none is missing
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
    : `The backend has providers that this configuration lacks: ${names.join(', ')}. With it, the catalog would remove their Locations as soon as it starts, unless catalog.orphanProviderStrategy is "keep"; entities that another provider finds too come back with its next run, with another uid. To keep the Locations of such a provider, give its id to a provider under catalog.providers.bitbucketServer`;
}
