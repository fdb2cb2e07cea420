/**
 * Finds where the findings of a run differ from the known state: content read there
 * earlier may be outdated. Pure.
 */

import { RepositoryAddress } from '../model';
import { forEachInTurns } from '../util/clock';
import { getEntryKey } from './locations';
import { Reconciliation } from './reconcile';
import { DiscoveryResult } from './types';

/**
 * Returns the repositories in which a file has appeared or disappeared, or whose address
 * belonged to another repository before. Changes inside a file are invisible to a run.
 */
export async function changedAddresses({
  reconciliation: { locations, removed },
  result: { known },
}: {
  readonly reconciliation: Pick<Reconciliation, 'locations' | 'removed'>;
  readonly result: Pick<DiscoveryResult, 'known'>;
}): Promise<RepositoryAddress[]> {
  const owners = new Map<string, number>();
  await forEachInTurns(known, repository => {
    repository.files.forEach(file =>
      owners.set(getEntryKey(file), repository.repositoryId),
    );
  });
  const changed: RepositoryAddress[] = removed.map(location => location.repository);
  await forEachInTurns(locations, ({ file, repository }) => {
    if (owners.get(getEntryKey(file)) !== repository.id) {
      changed.push(repository);
    }
  });
  return changed;
}
