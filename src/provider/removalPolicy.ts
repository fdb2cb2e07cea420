/**
 * How much may leave the catalog. Without credentials, what is private looks deleted on a
 * server that tells anonymous users that it does not exist: a variable that is not set any more
 * must not cost what earlier runs have found with it.
 */

import { Run } from '../discovery/performRun';
import { RemovalPolicy } from '../discovery/planRemovals';
import { ProviderContext } from './ProviderContext';

type Parts = Pick<ProviderContext, 'clients' | 'config' | 'store'>;

/** The policy that is configured; nothing goes unasked where credentials are gone. */
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
 * Whether the next run is to remember that there were credentials: until a run without any
 * gets through and nothing is lost.
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
