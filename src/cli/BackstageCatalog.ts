/**
 * The Locations of a live Backstage catalog. Reads only.
 */

import { z } from 'zod';
import { BackstageAddress, BackstageClient } from './BackstageClient';
import { CliIo } from './CliIo';

const PAGE_SIZE = 500;

/** What discovery puts on its Locations; the published module does too. */
const ANNOTATION_PROJECT_KEY = 'bitbucket.org/project-key';

const FIELDS = 'kind,metadata.annotations,spec.target,spec.targets';

const Entities = z.object({
  items: z.array(z.unknown()),
  pageInfo: z.object({ nextCursor: z.string().optional() }),
});

const LocationEntity = z.object({
  metadata: z.object({ annotations: z.record(z.string(), z.unknown()).default({}) }),
  spec: z.object({
    target: z.string().optional(),
    targets: z.array(z.string()).default([]),
  }),
});

/** One target of a Location in the catalog. */
export interface CatalogTarget {
  readonly url: string;
  /** Discovery made the Location: nobody registered it by hand. */
  readonly discovered: boolean;
}

/**
 * Reads the targets of every Location in the catalog.
 *
 * @throws CommandFailedError in words without secrets when they cannot be read
 */
export async function readCatalogTargets(
  address: BackstageAddress,
  io: CliIo,
): Promise<CatalogTarget[]> {
  const client = new BackstageClient(address, io);
  const entities = await client.readPages(async cursor => {
    const query = {
      limit: String(PAGE_SIZE),
      fields: FIELDS,
      ...(cursor === undefined ? { filter: 'kind=location' } : { cursor }),
    };
    const { items, pageInfo } = await client.get('/entities/by-query', query, Entities);
    return { items, next: pageInfo.nextCursor };
  });
  return entities.flatMap(readTargets);
}

function readTargets(item: unknown): CatalogTarget[] {
  const { data } = LocationEntity.safeParse(item);
  if (!data) {
    return [];
  }
  const discovered = data.metadata.annotations[ANNOTATION_PROJECT_KEY] !== undefined;
  const { target, targets } = data.spec;
  const urls = target === undefined ? targets : [target, ...targets];
  return urls.map(url => ({ url, discovered }));
}
