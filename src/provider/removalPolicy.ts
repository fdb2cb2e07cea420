/**
 * Decides how much may be removed from the catalog. Some servers answer anonymous users that
 * private repositories do not exist, so without credentials they look deleted: a variable that
 * is no longer set must not remove the files that earlier runs have found with it.
 */

import { Run } from '../discovery/performRun';
import { RemovalPolicy } from '../discovery/planRemovals';
import { ProviderContext } from './ProviderContext';

type Parts = Pick<ProviderContext, 'clients' | 'config' | 'store'>;

/** Returns the configured policy; if credentials are gone, one that removes nothing without approval. */
export async function getRemovalPolicy(context: Parts): Promise<RemovalPolicy> {
  const { config } = context;
  return (await areCredentialsGone(context))
    ? {
        ...config.removals,
        maxPercentage: 0,
        nothingBecause: 'no credentials are configured, although earlier runs had some',
      }
    : config.removals;
}

/**
 * Whether the next run must know that there were credentials: until a run without any
 * succeeds and holds nothing back.
 */
export function knowsCredentials(
  { failure, summary }: Run,
  policy: RemovalPolicy,
  { clients }: Pick<ProviderContext, 'clients'>,
): boolean {
  const wereGone = policy.nothingBecause !== undefined;
  return clients.areAuthenticated || (wereGone && (!!failure || summary.heldBack > 0));
}

async function areCredentialsGone({ clients, config, store }: Parts): Promise<boolean> {
  return (
    !clients.areAuthenticated &&
    (await store.loadLastRun(config.id))?.authenticated === true
  );
}
