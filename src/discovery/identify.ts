/**
 * Determines which repository each known state belongs to. Pure. Files belong to the
 * repository that is at their address; an id only says which repository to ask about.
 */

import { CatalogFile, Repository, RepositoryAddress } from '../model';
import { forEachInTurns, indexInTurns } from '../util/clock';
import { groupBy } from '../util/groupBy';
import { parseTarget } from '../util/parseUrls';
import { mergeFiles } from './locations';
import { KnownRepositories, KnownRepository } from './types';

/**
 * Whether the id is a placeholder, because the numeric id in Bitbucket is not known yet.
 */
export function isPlaceholderId(repositoryId: number): boolean {
  return repositoryId < 0;
}

/** Indexes known repositories by id. */
export function indexKnown(
  known: Iterable<KnownRepository>,
): Promise<Map<number, KnownRepository>> {
  return indexInTurns(known, ({ repositoryId }) => repositoryId);
}

/** Returns a comparable form of an address: Bitbucket ignores case in keys and slugs. */
export function addressKey(address: RepositoryAddress): string {
  return `${address.projectKey}/${address.slug}`.toLowerCase();
}

/** The known properties that identify a repository. */
type Identity = RepositoryAddress & Pick<Repository, 'hierarchyId'>;

/**
 * Whether two repositories with the same id are the same one, renamed or moved: some
 * other property has to match too. A restored server, a copy, or another server at the
 * old address has other repositories with the same ids.
 */
export function isSameRepository(before: Identity, now: Identity): boolean {
  return (
    before.projectKey.toLowerCase() === now.projectKey.toLowerCase() ||
    before.slug.toLowerCase() === now.slug.toLowerCase() ||
    (before.hierarchyId !== undefined && before.hierarchyId === now.hierarchyId)
  );
}

/** Whether a repository is unchanged: neither renamed nor moved, nor another one with the same id. */
export function hasSameIdentity(before: Identity, now: Identity): boolean {
  return (
    before.projectKey === now.projectKey &&
    before.slug === now.slug &&
    before.hierarchyId === now.hierarchyId
  );
}

/**
 * Returns the address from which the catalog reads a file: where its repository was when
 * it was found. Entities made by a location parser may refer to any URL, so they count as
 * being where their repository was last seen.
 */
export function addressOfFile(
  file: CatalogFile,
  repository: RepositoryAddress,
): RepositoryAddress {
  const { projectKey, slug } = repository;
  const page = file.targetUrl.slice(0, file.targetUrl.indexOf('/browse/'));
  // True for nearly all files, and far cheaper than parsing a URL.
  const isThere = page.endsWith(`/projects/${projectKey}/repos/${slug}`);
  return file.entity !== undefined || isThere
    ? repository
    : (parseTarget(file.targetUrl) ?? repository);
}

/** The known state, separated by address. */
export interface SeparatedRepositories {
  readonly known: KnownRepositories;
  /**
   * Placeholder ids for former addresses, mapped to the id of the repository that was
   * there and is proven to have moved.
   */
  readonly movedIds: ReadonlyMap<number, number>;
  /** Known repositories whose id now belongs to another repository. */
  readonly reassigned: readonly KnownRepository[];
}

/**
 * Separates files whose address differs from the listed address of their repository: they
 * get a placeholder for their address, so that Bitbucket is asked about it before they
 * are removed.
 *
 * @param getPage - returns the address in the URLs of a listed repository's files, which
 * may be spelled differently from its key
 */
export async function separateByAddress(
  known: KnownRepositories,
  listed: ReadonlyMap<number, Repository>,
  getPage: (repository: Repository) => RepositoryAddress | undefined,
): Promise<SeparatedRepositories> {
  const placeholders = new Placeholders(known);
  const movedIds = new Map<number, number>();
  const reassigned: KnownRepository[] = [];
  const changed = new Map<number, KnownRepository>();
  await forEachInTurns(known.values(), repository => {
    const now = listed.get(repository.repositoryId);
    const isSame = now === undefined || isSameRepository(repository, now);
    if (!isSame) {
      reassigned.push(repository);
    }
    const files = repository.files.filter(file => {
      const at = addressOfFile(file, repository);
      if (isAt(at, now ?? repository) || (now && isAt(at, getPage(now)))) {
        return true;
      }
      const placeholderId = placeholders.add(at, file);
      if (isSame && !isPlaceholderId(repository.repositoryId)) {
        movedIds.set(placeholderId, repository.repositoryId);
      }
      return false;
    });
    if (files.length < repository.files.length) {
      changed.set(repository.repositoryId, { ...repository, files });
    }
  });
  // In most runs no file is elsewhere.
  if (changed.size === 0) {
    return { known, movedIds, reassigned };
  }
  const separated = new Map<number, KnownRepository>();
  await forEachInTurns(known, ([id, before]) => {
    separated.set(id, changed.get(id) ?? before);
  });
  placeholders.added.forEach(placeholder => addTo(separated, placeholder));
  return { known: separated, movedIds, reassigned };
}

/** Whether two addresses are the same. */
export function isAt(
  address: RepositoryAddress,
  other: RepositoryAddress | undefined,
): boolean {
  return (
    other !== undefined &&
    // True for nearly all pairs, and far cheaper than a comparison that ignores case.
    ((address.projectKey === other.projectKey && address.slug === other.slug) ||
      addressKey(address) === addressKey(other))
  );
}

/** Repositories known only by address, one for each address. */
class Placeholders {
  readonly added = new Map<string, KnownRepository>();
  readonly #ids: ReadonlyMap<string, number>;
  #lowestId: number;

  constructor(known: KnownRepositories) {
    const placeholders = findPlaceholders(known);
    this.#ids = new Map(
      placeholders.map(repository => [addressKey(repository), repository.repositoryId]),
    );
    this.#lowestId = placeholders.reduce(
      (lowest, repository) => Math.min(lowest, repository.repositoryId),
      0,
    );
  }

  /** @returns the placeholder's id */
  add({ projectKey, slug }: RepositoryAddress, file: CatalogFile): number {
    const key = addressKey({ projectKey, slug });
    const before = this.added.get(key);
    const repositoryId =
      before?.repositoryId ?? this.#ids.get(key) ?? (this.#lowestId -= 1);
    const files = [...(before?.files ?? []), file];
    this.added.set(key, { repositoryId, projectKey, slug, files });
    return repositoryId;
  }
}

/**
 * Replaces placeholder ids with the ids of listed repositories at the same address.
 *
 * @returns each known repository once; where two are merged, with the files of both
 */
export async function identify(
  known: KnownRepositories,
  listed: Iterable<Repository>,
): Promise<KnownRepositories> {
  const placeholders = findPlaceholders(known);
  if (placeholders.length === 0) {
    return known;
  }
  const byAddress = groupBy(placeholders, addressKey);
  const ids = new Map<number, number>();
  await forEachInTurns(listed, repository => {
    for (const { repositoryId } of byAddress.get(addressKey(repository)) ?? []) {
      ids.set(repositoryId, repository.id);
    }
  });
  return replaceIds(known, ids);
}

/**
 * Indexes the files that the catalog holds, by repository id and by address: a file at an
 * address has the same URL whichever repository it belongs to, even if the server changes
 * its spelling.
 *
 * @param repositories - those that the index is asked about
 */
export async function indexFiles(
  known: KnownRepositories,
  repositories: readonly Repository[],
): Promise<(repository: Repository) => readonly CatalogFile[]> {
  const ownFiles = ({ id }: Repository) => known.get(id)?.files ?? [];
  let askedAbout = 0;
  await forEachInTurns(repositories, ({ id }) => (askedAbout += known.has(id) ? 1 : 0));
  // In most runs these are all.
  if (askedAbout === known.size) {
    return ownFiles;
  }
  const ids = new Set<number>();
  await forEachInTurns(repositories, ({ id }) => ids.add(id));
  const left = new Map<string, readonly CatalogFile[]>();
  await forEachInTurns(known.values(), repository => {
    if (repository.files.length > 0 && !ids.has(repository.repositoryId)) {
      const key = addressKey(repository);
      left.set(key, [...(left.get(key) ?? []), ...repository.files]);
    }
  });
  return repository => {
    const others = left.size > 0 ? left.get(addressKey(repository)) : undefined;
    return others ? [...ownFiles(repository), ...others] : ownFiles(repository);
  };
}

/**
 * Replaces ids.
 *
 * @param ids - old to new
 * @returns each known repository once; where two are merged, with the files of both
 */
export async function replaceIds(
  known: KnownRepositories,
  ids: ReadonlyMap<number, number>,
): Promise<KnownRepositories> {
  if (ids.size === 0) {
    return known;
  }
  const replaced = new Map<number, KnownRepository>();
  await forEachInTurns(known.values(), repository => {
    const repositoryId = ids.get(repository.repositoryId);
    addTo(
      replaced,
      repositoryId === undefined ? repository : { ...repository, repositoryId },
    );
  });
  return replaced;
}

/** Adds a known repository, with the files of both where its id is known already. */
function addTo(known: Map<number, KnownRepository>, repository: KnownRepository): void {
  const before = known.get(repository.repositoryId);
  known.set(repository.repositoryId, before ? merge(before, repository) : repository);
}

function merge(repository: KnownRepository, other: KnownRepository): KnownRepository {
  const { conclusive, checkedAtMs } =
    repository.conclusive === undefined ? other : repository;
  return {
    ...repository,
    files: mergeFiles(repository.files, other.files),
    conclusive,
    checkedAtMs,
  };
}

function findPlaceholders(known: KnownRepositories): KnownRepository[] {
  return [...known.values()].filter(({ repositoryId }) => isPlaceholderId(repositoryId));
}
