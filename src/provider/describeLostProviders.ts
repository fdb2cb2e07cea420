/**
 * Warns about entities that the catalog is about to remove because their provider is no longer
 * configured. The catalog removes them when it starts: it identifies a provider by its name.
 */

import { DatabaseService } from '@backstage/backend-plugin-api';
import { countByProvider } from '../store/catalogState';
import { providerName } from './locationEntities';

/**
 * Names the providers that have entities in the catalog and are not configured.
 *
 * @remarks Call it before the catalog starts.
 *
 * @param configuredIds - ids of all configured providers
 * @returns a warning with the remedy; `undefined` if there are none
 * @throws if the catalog's tables cannot be read
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
  return `The catalog has entities of providers that are no longer configured: ${names}. It removes them now, with everything that came from them, unless catalog.orphanProviderStrategy is "keep"; those that another provider also finds come back with its next run, with another uid (to start that run now, refresh location:default/bitbucket-server-<id> of the other provider). The catalog identifies a provider by its id: to continue with the entities of a former provider, give its id to a provider below catalog.providers.bitbucketServer (without an id it is "default")`;
}
