/** What a run leaves to the next one. Pure. */

import { CatalogFile } from '../model';
import { addressKey } from './identify';
import { filesOf, keyOf } from './locations';
import {
  CatalogLocation,
  DiscoveryResult,
  KnownRepository,
  RepositoryResult,
} from './types';

/**
 * What to remember: everything looked at, with what the catalog now holds for it.
 *
 * @remarks A target belongs to whoever is at its address now, since addresses are swapped
 * and taken over: only so the doubt about the new owner protects it in the next run.
 *
 * @param locations - what the catalog now holds
 * @param others - ids to remember although the run did not come to them
 */
export function remember(
  result: DiscoveryResult,
  locations: readonly CatalogLocation[],
  others: readonly number[] = [],
): KnownRepository[] {
  const known = new Map(result.known.map(one => [one.repositoryId, one]));
  const looked = new Map(result.repositories.map(one => [one.repository.id, one]));
  const ownerIds = new Map(
    result.repositories.map(one => [addressKey(one.repository), one.repository.id]),
  );
  const files = new Map<number, Map<string, CatalogFile>>();
  for (const { repository, file } of [...locations, ...foundByAll(result)]) {
    const id = ownerIds.get(addressKey(repository)) ?? repository.id;
    const ofOwner = files.get(id) ?? new Map<string, CatalogFile>();
    files.set(id, ofOwner.set(keyOf(file), file));
  }
  const ids = new Set([...others, ...looked.keys(), ...files.keys()]);
  return [...ids].flatMap(id => {
    const before = known.get(id);
    const now = looked.get(id);
    const address = now?.repository ?? before;
    return address
      ? {
          repositoryId: id,
          projectKey: address.projectKey,
          slug: address.slug,
          hierarchyId: address.hierarchyId,
          files: [...(files.get(id)?.values() ?? [])],
          ...lastLook(now, before),
        }
      : [];
  });
}

/** Also what the catalog has from another repository: one that lets go of it leaves it to this one. */
function foundByAll({ repositories }: DiscoveryResult): CatalogLocation[] {
  return repositories.flatMap(({ repository, outcome }) =>
    filesOf(outcome).map(file => ({ repository, file })),
  );
}

/** The last look that was not `unknown`, with its time, and what came of a later one. */
function lastLook(
  now: RepositoryResult | undefined,
  before: KnownRepository | undefined,
): Pick<KnownRepository, 'settled' | 'checkedAtMs' | 'problem' | 'revision'> {
  if (now && now.outcome.kind !== 'unknown') {
    const { outcome, checkedAtMs, revision } = now;
    return { settled: outcome, checkedAtMs, revision };
  }
  const { settled, checkedAtMs, problem, revision } = before ?? {};
  const last = { settled, checkedAtMs, problem, revision };
  if (now?.outcome.kind !== 'unknown') {
    return last;
  }
  const { reason, detail } = now.outcome;
  // What a run did not come to was not looked at.
  const isLook = reason !== 'not-checked' && now.revision !== undefined;
  return {
    ...last,
    problem: { reason, detail },
    ...(isLook && { revision: now.revision }),
  };
}

/**
 * What to remember of a repository while the run goes on: what was found is in the catalog
 * by then, and nothing of it is removed before the end.
 */
export function rememberEarly(
  result: RepositoryResult,
  before: KnownRepository | undefined,
): KnownRepository {
  const { id, projectKey, slug, hierarchyId } = result.repository;
  const files = [...(before?.files ?? []), ...filesOf(result.outcome)];
  return {
    repositoryId: id,
    projectKey,
    slug,
    hierarchyId,
    files: [...new Map(files.map(file => [keyOf(file), file])).values()],
    ...lastLook(result, before),
  };
}
