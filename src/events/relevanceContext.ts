/** What bears on a change, from what is stored and, for a default branch, from Bitbucket. */

import { RestClient } from '../bitbucket/RestClient';
import { ProviderContext } from '../provider/ProviderContext';
import { EventStore } from '../store/EventStore';
import { RelevanceContext } from './relevance';

/** A default branch counts as known for so long: no event tells that it is another one. */
const BRANCH_KNOWN_FOR_MS = 24 * 3_600_000;

/** What it is found out with. */
export interface RelevanceTools {
  readonly context: Pick<ProviderContext, 'clock' | 'config' | 'store'>;
  /** Scheme, host and context path of the integration. */
  readonly webBaseUrl: string;
  readonly branches: EventStore;
  readonly openClient: () => Promise<RestClient>;
  readonly signal: AbortSignal;
}

/** The context of one provider. */
export function createRelevanceContext(tools: RelevanceTools): RelevanceContext {
  const { branches, context, openClient, signal, webBaseUrl } = tools;
  const { clock, config, store } = context;
  const { host } = config;
  return {
    filters: config.filters,
    branch: config.branch,
    webBaseUrl,
    loadServerUrls: () => store.loadServerUrls(config.id),
    findRelated: async selector => (await store.loadNear(config.id, selector)) ?? [],
    async isProjectKnown(keys) {
      const memory = await store.load(config.id);
      const wanted = new Set(keys.map(key => key.toLowerCase()));
      return (memory?.repositories ?? []).some(one =>
        wanted.has(one.projectKey.toLowerCase()),
      );
    },
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
        const branch = { name: lookup.value, readAtMs: clock.now() };
        await branches.saveDefaultBranch(host, repositoryId, branch);
      }
      return lookup;
    },
  };
}
