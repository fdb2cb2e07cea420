/** Where a run has found something else than was known: what was read there may be old. Pure. */

import { RepositoryAddress } from '../model';
import { forEachInTurns } from '../util/clock';
import { getEntryKey } from './locations';
import { Reconciliation } from './reconcile';
import { DiscoveryResult } from './types';

/**
 * The repositories of which a file has appeared or gone, or lies at the address that another
 * repository had. What a file holds a run does not see.
 */
export async function changedAddresses({
  reconciliation: { locations, removed },
  result: { known },
}: {
  readonly reconciliation: Pick<Reconciliation, 'locations' | 'removed'>;
  readonly result: Pick<DiscoveryResult, 'known'>;
}): Promise<RepositoryAddress[]> {
  const owners = new Map<string, number>();
  await forEachInTurns(known, one => {
    one.files.forEach(file => owners.set(getEntryKey(file), one.repositoryId));
  });
  const changed: RepositoryAddress[] = removed.map(one => one.repository);
  await forEachInTurns(locations, ({ file, repository }) => {
    if (owners.get(getEntryKey(file)) !== repository.id) {
      changed.push(repository);
    }
  });
  return changed;
}
