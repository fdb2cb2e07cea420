/**
 * What the catalog is about to remove because a provider is gone from the configuration.
 * The catalog does that when it starts, by itself: to it, the name is the provider.
 */

import { DatabaseService } from '@backstage/backend-plugin-api';
import { countByProvider } from '../store/catalogState';
import { providerName } from './locationEntities';

/**
 * Names the providers that the catalog has entities of and that are not configured.
 *
 * @remarks To be asked before the catalog starts.
 *
 * @param configuredIds - of all providers that are
 * @returns a warning with the remedy; `undefined` where there are none
 * @throws when the catalog's tables cannot be read
 */
export async function describeLostProviders(
  database: DatabaseService,
  configuredIds: readonly string[],
): Promise<string | undefined> {
  const prefix = providerName('');
  const counts = await countByProvider(await database.getClient(), prefix);
  const configured = new Set(configuredIds);
  const lost = [...counts]
    .map(([name, count]) => ({ id: name.slice(prefix.length), count }))
    .filter(({ id }) => !configured.has(id));
  if (lost.length === 0) {
    return undefined;
  }
  const names = lost.map(({ id, count }) => `"${id}" (${count})`).join(', ');
  return `The catalog has entities of providers that are not configured any more: ${names}. It removes them now, with all that came of them, unless catalog.orphanProviderStrategy is "keep"; what another provider finds of the same comes back with its next run, with another uid (to have that run now, refresh location:default/bitbucket-server-<id> of the other one). To the catalog a provider is its id: to go on where one left off, give that id to a provider below catalog.providers.bitbucketServer (without an id it is "default")`;
}
