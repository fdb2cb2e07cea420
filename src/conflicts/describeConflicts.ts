/**
 * Describes entities that two sides claim. The catalog accepts an entity from one side
 * only and shows people nothing about the refused side. The descriptions name both sides
 * and a remedy. Pure.
 */

import { identifyFile, parseTarget, urlOfLocationKey } from '../util/parseUrls';
import { formatAddress } from '../util/text';
import { groupBy } from '../util/groupBy';
import { RepositoryReport } from '../discovery/report';
import { addressKey } from '../discovery/identify';
import { getRegisteredFiles } from '../discovery/locations';
import { RepositoryRef, RepositoryResult } from '../discovery/types';

/**
 * `location`: an entity emitted by a provider, either a Location or one made by a
 * location parser. `entity`: one that the catalog reads from a file.
 */
export const CONFLICT_KINDS = ['location', 'entity'] as const;
export type ConflictKind = (typeof CONFLICT_KINDS)[number];

/** Whether the catalog refused the described side, or holds its entity. */
export const CONFLICT_ROLES = ['refused', 'holds'] as const;
export type ConflictRole = (typeof CONFLICT_ROLES)[number];

/** One of the two sides that claim an entity. */
export interface ConflictSide {
  /**
   * As stored by the catalog: the name of a provider, or `url:` and the URL that was
   * read.
   */
  readonly locationKey: string;
  /** The URL of the file that the entity comes from; `undefined` if not known. */
  readonly targetUrl?: string;
}

/** An entity that two sides claim, described neutrally. */
export interface RecordedConflict {
  readonly kind: ConflictKind;
  readonly entityRef: string;
  readonly refused: ConflictSide;
  readonly holder: ConflictSide;
  /**
   * Set if no side holds it any more, and the catalog has not accepted it from the
   * refused side yet.
   */
  readonly isReleased?: boolean;
}

/** A side in words and, as far as known, in parts. */
export interface DescribedSide {
  readonly locationKey: string;
  /** For example `provider b of this configuration`. */
  readonly description: string;
  /** Set for a provider of this configuration. */
  readonly providerId?: string;
  readonly targetUrl?: string;
  /** Set if the URL is that of a file in Bitbucket Server. */
  readonly projectKey?: string;
  readonly repositorySlug?: string;
  readonly path?: string;
}

/** An entity that two sides claim, described for one of them. */
export interface Conflict {
  readonly kind: ConflictKind;
  readonly entityRef: string;
  /** The URL of the file that contains the entity. */
  readonly targetUrl: string;
  readonly role: ConflictRole;
  readonly other: DescribedSide;
  /** A sentence that names both sides. */
  readonly explanation: string;
  readonly remedy: string;
  /** The same object for both sides, for counting conflicts. */
  readonly recorded: RecordedConflict;
}

/** The providers of this configuration: their ids by location key. */
export type ProviderIds = ReadonlyMap<string, string>;

/**
 * Returns the conflicts in which a provider is a side.
 *
 * @remarks For an entity read from a file, every provider that found the file is a side:
 * the caller has to check which of these files belong to the provider.
 */
export function conflictsOfProvider(
  recorded: readonly RecordedConflict[],
  locationKey: string,
  providers: ProviderIds,
): Conflict[] {
  return recorded.flatMap(conflict =>
    CONFLICT_ROLES.flatMap((role): Conflict[] => {
      const own = role === 'refused' ? conflict.refused : conflict.holder;
      const isOwn = own.locationKey === locationKey || isReadFromFile(conflict, own);
      const isSide = role === 'refused' || !conflict.isReleased;
      return own.targetUrl !== undefined && isOwn && isSide
        ? [toConflict(conflict, role, own.targetUrl, providers)]
        : [];
    }),
  );
}

/**
 * Returns each conflict once; if both sides are included, as described for the refused
 * one.
 *
 * @param conflicts - from one read, so that both sides share `recorded`
 */
export function distinctConflicts(conflicts: readonly Conflict[]): Conflict[] {
  const distinct = new Map<RecordedConflict, Conflict>();
  for (const conflict of conflicts) {
    if (conflict.role === 'refused' || !distinct.has(conflict.recorded)) {
      distinct.set(conflict.recorded, conflict);
    }
  }
  return [...distinct.values()];
}

function isReadFromFile({ kind }: RecordedConflict, { locationKey }: ConflictSide) {
  return kind === 'entity' && urlOfLocationKey(locationKey) !== undefined;
}

/** Two URLs of the same file, for example because one of them was registered manually. */
interface SameFile {
  /** Their branches in words; empty if both have the same. */
  readonly branches: string;
}

function findSameFile({ kind, holder, refused }: RecordedConflict): SameFile | undefined {
  const [one, other] = [holder.targetUrl, refused.targetUrl].map(url =>
    identifyFile(url ?? ''),
  );
  if (kind !== 'entity' || !one || !other || one.file !== other.file) {
    return undefined;
  }
  if (one.branch === other.branch) {
    return { branches: '' };
  }
  const [has, wants] = [one, other].map(({ branch }) =>
    branch === undefined ? 'the default branch' : `the branch ${branch}`,
  );
  return { branches: `, the one on ${has} and the other on ${wants}` };
}

function toConflict(
  recorded: RecordedConflict,
  role: ConflictRole,
  targetUrl: string,
  providers: ProviderIds,
): Conflict {
  const { kind, entityRef, holder, refused } = recorded;
  const other = describeSide(role === 'refused' ? holder : refused, kind, providers);
  const explanation = explainConflict(recorded, providers);
  const remedy = findRemedy(recorded, other, targetUrl);
  return { kind, entityRef, targetUrl, role, other, explanation, remedy, recorded };
}

/**
 * Describes a side.
 *
 * @param kind - kind of the conflict: for `location`, a URL is that of a registered
 * location, since Locations of providers have the name of their provider
 */
export function describeSide(
  { locationKey, targetUrl }: ConflictSide,
  kind: ConflictKind,
  providers: ProviderIds,
): DescribedSide {
  const providerId = providers.get(locationKey);
  const url = urlOfLocationKey(locationKey) ?? targetUrl;
  const file = parseTarget(url ?? '');
  return {
    locationKey: withoutCredentials(locationKey),
    description: describeLocationKey(locationKey, kind, providerId),
    providerId,
    targetUrl: url && withoutCredentials(url),
    projectKey: file?.projectKey,
    repositorySlug: file?.slug,
    path: file?.path,
  };
}

function describeLocationKey(
  locationKey: string,
  kind: ConflictKind,
  providerId: string | undefined,
): string {
  if (providerId !== undefined) {
    return `provider ${providerId} of this configuration`;
  }
  const url = urlOfLocationKey(locationKey);
  if (url === undefined) {
    return `the entity provider ${withoutCredentials(locationKey)}`;
  }
  return kind === 'location' ? 'a location registered for this file' : nameOfFile(url);
}

/** Names a file, for example `catalog-info.yaml of PAY/api`. */
function nameOfFile(url: string): string {
  const file = parseTarget(url);
  return file
    ? `${file.path} of ${formatAddress(file)}`
    : `the location ${withoutCredentials(url)}`;
}

/** Removes credentials from URLs: a registered URL may contain a password. */
export function withoutCredentials(text: string): string {
  return text.replace(/:\/\/[^/?#]*@/g, '://');
}

/** Describes a conflict in a sentence that is the same for both sides. */
function explainConflict(recorded: RecordedConflict, providers: ProviderIds): string {
  const { kind, entityRef, holder, isReleased, refused } = recorded;
  const sameFile = findSameFile(recorded);
  const isLocation = kind === 'location' && /^location:/i.test(entityRef);
  const file = refused.targetUrl === undefined ? '' : nameOfFile(refused.targetUrl);
  const what = isLocation ? `the Location of ${file}` : entityRef;
  const [has, wants] = [holder, refused].map(side => {
    if (sameFile) {
      return `the URL ${withoutCredentials(side.targetUrl ?? '')}`;
    }
    const { description } = describeSide(side, kind, providers);
    const isFile = urlOfLocationKey(side.locationKey) !== undefined;
    return isLocation || isFile || side.targetUrl === undefined
      ? description
      : `${description} (${nameOfFile(side.targetUrl)})`;
  });
  return isReleased
    ? `The catalog has lost ${what}, which it had from ${has}, and has not accepted it from ${wants} yet.`
    : `The catalog has ${what} from ${has} and does not accept it from ${wants}${
        sameFile ? `: both are the same file${sameFile.branches}` : ''
      }.`;
}

const REMEDY_FOR_NAMES = 'Give one of the two another `metadata.name`.';

const remedyForSameFile = (url: string) =>
  `Unregister ${url}, or remove it from \`catalog.locations\`: it is the same file. If providers found both URLs, exclude the repository from one of the providers.`;

const REMEDY_FOR_FORKS =
  'If one repository is a fork of the other, set `filters.skipForkedRepos: true`; if one is archived, `filters.skipArchivedRepos: true`. Otherwise give one of the two another `metadata.name`.';

const REMEDY_FOR_REGISTERED =
  'Unregister that location, or remove it from `catalog.locations`, to leave the file to discovery. Until then the catalog reads it for one of the two: nothing is missing.';

const REMEDY_FOR_OTHERS =
  'Exclude the file from one of the two. Until then the catalog keeps the entity of the other one.';

const REMEDY_FOR_RELEASED =
  'Wait a moment: the catalog is told to read the file again. If the entity does not appear, change something in the file, or unregister the location and register it again.';

/** For a file that several providers of one configuration would register. */
const REMEDY_FOR_PROVIDERS =
  'Exclude the repository from one of the providers, with `filters` or `catalogPath`. Until then the catalog keeps the entity of the provider that came first.';

function findRemedy(
  recorded: RecordedConflict,
  { locationKey, projectKey, providerId, repositorySlug, ...other }: DescribedSide,
  targetUrl: string,
): string {
  const { isReleased, kind } = recorded;
  if (isReleased) {
    return REMEDY_FOR_RELEASED;
  }
  if (other.targetUrl !== undefined && findSameFile(recorded)) {
    return remedyForSameFile(other.targetUrl);
  }
  if (kind === 'entity') {
    const file = parseTarget(targetUrl);
    const address = { projectKey: projectKey ?? '', slug: repositorySlug ?? '' };
    return !file || addressKey(file) === addressKey(address) || projectKey === undefined
      ? REMEDY_FOR_NAMES
      : REMEDY_FOR_FORKS;
  }
  if (providerId !== undefined) {
    return REMEDY_FOR_PROVIDERS;
  }
  const isRegistered = urlOfLocationKey(locationKey) !== undefined;
  return isRegistered ? REMEDY_FOR_REGISTERED : REMEDY_FOR_OTHERS;
}

/** The files that one provider would register. */
export interface ProviderFiles {
  readonly providerId: string;
  readonly repositories: readonly Pick<
    RepositoryReport,
    'projectKey' | 'repositorySlug' | 'files'
  >[];
}

/**
 * A file that several providers would register: the catalog accepts it from one of them.
 */
export interface SharedFile {
  /** As in the HTTP report, for entities emitted by a provider. */
  readonly kind: 'location';
  readonly projectKey: string;
  readonly repositorySlug: string;
  readonly path: string;
  readonly targetUrl: string;
  /** In the order of the configuration, two or more. */
  readonly providerIds: readonly string[];
  /** A sentence that names all sides. */
  readonly explanation: string;
  readonly remedy: string;
}

/**
 * Finds the files that several providers would register.
 *
 * @returns in the order in which the first of their providers lists them
 */
export function findSharedFiles(providers: readonly ProviderFiles[]): SharedFile[] {
  const claims = new Map<string, Omit<SharedFile, 'explanation'>>();
  for (const { providerId, repositories } of providers) {
    for (const { projectKey, repositorySlug, files } of repositories) {
      for (const { path, targetUrl } of files) {
        const ids = claims.get(targetUrl)?.providerIds ?? [];
        claims.set(targetUrl, {
          kind: 'location',
          projectKey,
          repositorySlug,
          path,
          targetUrl,
          providerIds: [...new Set([...ids, providerId])],
          remedy: REMEDY_FOR_PROVIDERS,
        });
      }
    }
  }
  return [...claims.values()]
    .filter(file => file.providerIds.length > 1)
    .map(file => {
      const { path, projectKey, providerIds, repositorySlug } = file;
      const names = `${providerIds.slice(0, -1).join(', ')} and ${providerIds.at(-1)}`;
      const explanation = `${path} of ${formatAddress({ projectKey, slug: repositorySlug })} would be registered by the providers ${names}. The catalog accepts it from the one that comes first.`;
      return { ...file, explanation };
    });
}

/** An entity from several repositories: the catalog holds it from the last of them. */
interface DuplicateEntity {
  /** Its entity ref. */
  readonly key: string;
  /** Two or more. */
  readonly repositories: readonly RepositoryResult['repository'][];
}

/** Finds the entities that several repositories of a run emit. */
export function findDuplicateEntities(
  results: Iterable<RepositoryResult>,
): DuplicateEntity[] {
  // Locations are skipped: a URL belongs to one repository only.
  const emitted: { key: string; repository: RepositoryRef }[] = [];
  for (const { repository, outcome } of results) {
    for (const { entity } of getRegisteredFiles(outcome)) {
      if (entity) {
        emitted.push({ key: entity.key, repository });
      }
    }
  }
  return [...groupBy(emitted, ({ key }) => key)].flatMap(([key, emitters]) =>
    emitters.length > 1
      ? [{ key, repositories: emitters.map(({ repository }) => repository) }]
      : [],
  );
}
