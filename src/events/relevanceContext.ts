/** What bears on a change, from what is stored and, for a default branch, from Bitbucket. */

import { RestClient } from '../bitbucket/RestClient';
import { webBaseUrl } from '../bitbucket/webUrls';
import { CreatedProvider } from '../provider/createProviders';
import { EventStore } from '../store/EventStore';
import { RelevanceContext } from './relevance';

/** A default branch counts as known for so long: no event tells that it is another one. */
const BRANCH_KNOWN_FOR_MS = 24 * 3_600_000;

/** The context of one provider. */
export function createRelevanceContext(
  { context, integration }: Pick<CreatedProvider, 'context' | 'integration'>,
  branches: EventStore,
  openClient: () => Promise<RestClient>,
  signal: AbortSignal,
): RelevanceContext {
  const { clock, config, store } = context;
  const { branch, filters, host, id } = config;
  return {
    filters,
    branch,
    webBaseUrl: webBaseUrl(integration),
    loadServerUrls: () => store.loadServerUrls(id),
    findRelated: async selector => (await store.loadRelated(id, selector)) ?? [],
    isProjectKnown: keys => store.isProjectKnown(id, keys),
    async findDefaultBranch(repository) {
      const { repositoryId } = repository;
      const validity = { nowMs: clock.now(), keepForMs: BRANCH_KNOWN_FOR_MS };
      const name = await branches.loadDefaultBranch(host, repositoryId, validity);
      if (name !== undefined) {
        return { kind: 'found', value: name };
      }
      const client = await openClient();
      const lookup = await client.getDefaultBranch(repository, { signal });
      if (lookup.kind === 'found') {
        const read = { name: lookup.value, readAtMs: clock.now() };
        await branches.saveDefaultBranch(host, repositoryId, read);
      }
      return lookup;
    },
  };
}
