/**
 * The providers of a live backend beside those that are configured here: what the catalog
 * has from an id that is not configured any more is removed when the backend starts.
 */

import { z } from 'zod';
import { BackstageAddress, BackstageClient, parseBackstageUrl } from './BackstageClient';
import { CliIo } from './CliIo';
import { formatPlural } from './format';

/** The options of commands that look into a running Backstage. */
export interface AgainstOptions {
  /** Base URL of a Backstage backend. */
  readonly against?: string;
  /** For that backend; `BACKSTAGE_TOKEN` when left out. */
  readonly token?: string;
}

/**
 * Which backend, and as whom.
 *
 * @returns `undefined` where none is asked for
 * @throws UsageError for what is no base URL
 */
export function toBackstageAddress(
  { against, token }: AgainstOptions,
  { env }: Pick<CliIo, 'env'>,
): BackstageAddress | undefined {
  if (against === undefined) {
    return undefined;
  }
  // An empty variable is how scripts say that there is none.
  return {
    url: parseBackstageUrl(against),
    token: (token ?? env.BACKSTAGE_TOKEN)?.trim() || undefined,
  };
}

const Discoveries = z.object({
  items: z.array(
    z.object({
      providerId: z.string(),
      summary: z.object({ locations: z.number().optional() }).optional(),
    }),
  ),
});

/** A provider as the report of a backend tells of it. */
export interface BackendProvider {
  readonly id: string;
  /** How many it has in the catalog; `undefined` where that is not told. */
  readonly locations?: number;
}

/**
 * Reads which providers a backend has.
 *
 * @returns `undefined` where it does not run this module, or does not tell this token
 * @throws CommandFailedError in words without secrets when it cannot be read
 */
export async function readBackendProviders(
  address: BackstageAddress,
  io: CliIo,
): Promise<BackendProvider[] | undefined> {
  const client = new BackstageClient(address, io);
  const report = await client.find('/bitbucket-server/discoveries', Discoveries);
  return report?.items.map(({ providerId: id, summary }) => ({
    id,
    locations: summary?.locations,
  }));
}

/**
 * Names the providers that a backend has and the configuration lacks: to the catalog a
 * provider is its id, and it drops those that are gone when it starts.
 *
 * @param configuredIds - of all that are configured
 * @returns a warning with the remedy; `undefined` where there are none
 */
export function describeLost(
  providers: readonly BackendProvider[],
  configuredIds: readonly string[],
): string | undefined {
  const names = providers
    .filter(({ id }) => !configuredIds.includes(id))
    .map(({ id, locations = 0 }) => `"${id}" (${formatPlural(locations, 'Location')})`);
  return names.length === 0
    ? undefined
    : `The backend has providers that this configuration lacks: ${names.join(', ')}. With it, the catalog would remove what they gave as soon as it starts, unless catalog.orphanProviderStrategy is "keep"; what another provider finds of the same comes back with its next run, with another uid. To go on where one left off, give its id to a provider below catalog.providers.bitbucketServer`;
}
