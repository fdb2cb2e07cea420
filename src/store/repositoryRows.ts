/**
 * Converts between the row of a repository and the engine's types. Everything that is
 * read is checked.
 */

import { isDeepStrictEqual } from 'node:util';
import { addressKey } from '../discovery/identify';
import { hasSameFiles } from '../discovery/locations';
import { ConclusiveOutcome, KnownRepository } from '../discovery/types';
import {
  ABSENCE_REASONS,
  CatalogFile,
  EXCLUSION_REASONS,
  PRESENCES,
  Problem,
  RepositoryAddress,
  UNKNOWN_REASONS,
} from '../model';
import { forEachInTurns } from '../util/clock';
import { getFields, isText } from '../util/fields';
import { parseTarget } from '../util/parseUrls';
import { formatAddress, storableText } from '../util/text';
import { BigNumber, toSortKey } from './tables';

/** Returns one of the equal texts that it is given, so that the others take no memory. */
export type Share = (text: string) => string;

const asIs: Share = text => text;

/** Shares texts for as long as the function that it returns is used. */
export function shareTexts(): Share {
  const texts = new Map<string, string>();
  return text => {
    const shared = texts.get(text);
    if (shared === undefined) {
      texts.set(text, text);
    }
    return shared ?? text;
  };
}

/** Makes {@link attempt} return `undefined`. */
function fail(): never {
  throw new TypeError('not a value that is written here');
}

function toText(value: unknown): string {
  return isText(value) ? value : fail();
}

function toOneOf<T>(values: readonly T[], value: unknown): T {
  return values.find(one => one === value) ?? fail();
}

function toIdentity(row: unknown, share: Share) {
  const { repository_id, project_key, slug } = getFields(row);
  return {
    repositoryId: BigNumber.parse(repository_id),
    projectKey: share(toText(project_key)),
    slug: toText(slug),
  };
}

function toFiles(values: unknown, share: Share): CatalogFile[] {
  return Array.isArray(values) ? values.map(value => toFile(value, share)) : fail();
}

function toFile(value: unknown, share: Share): CatalogFile {
  // Earlier versions always used this presence.
  const { path, targetUrl, presence = 'optional', entity } = getFields(value);
  const file = {
    path: share(toText(path)),
    targetUrl: toText(targetUrl),
    presence: toOneOf(PRESENCES, presence),
  };
  if (entity === undefined) {
    return file;
  }
  const { key, json } = getFields(entity);
  return { ...file, entity: { key: toText(key), json: toText(json) } };
}

function toConclusive(
  kind: unknown,
  reason: unknown,
  files: () => readonly CatalogFile[],
): ConclusiveOutcome {
  switch (kind) {
    case 'registered':
      return { kind, files: files() };
    case 'excluded':
      return { kind, reason: toOneOf(EXCLUSION_REASONS, reason) };
    case 'absent':
      return { kind, reason: toOneOf(ABSENCE_REASONS, reason) };
    default:
      return fail();
  }
}

function toSettled(json: unknown, share: Share): ConclusiveOutcome {
  const { kind, reason, files } = getFields(JSON.parse(toText(json)));
  return toConclusive(kind, reason, () => toFiles(files, share));
}

/** The problem reported for a repository whose row cannot be read. */
const UNREADABLE: Problem = {
  reason: 'not-checked',
  detail: 'its stored state cannot be read; the next run checks it again',
};

/**
 * Reads the known state of a repository.
 *
 * @param share - for the texts that many repositories have in common
 * @returns `undefined` if the row is not in this version's format: broken, or from a
 * newer version
 */
export function readRepositoryRow(
  row: unknown,
  share: Share = asIs,
): KnownRepository | undefined {
  return attempt(() => toKnown(row, share));
}

/** The value may be broken in any way, or nested too deeply to be parsed. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function toKnown(row: unknown, share: Share): KnownRepository {
  const { repositoryId, projectKey, slug } = toIdentity(row, share);
  const { outcome, reason, detail, settled, ...rest } = getFields(row);
  const files = toFiles(JSON.parse(toText(rest.files)), share);
  const isUnknown = outcome === 'unknown';
  const last =
    outcome === null || isUnknown
      ? undefined
      : toConclusive(outcome, reason, () => files);
  return {
    repositoryId,
    projectKey,
    slug,
    hierarchyId: rest.hierarchy_id === null ? undefined : toText(rest.hierarchy_id),
    files,
    conclusive: settled === null ? last : toSettled(settled, share),
    checkedAtMs:
      rest.checked_at_ms === null ? undefined : BigNumber.parse(rest.checked_at_ms),
    problem: isUnknown
      ? { reason: toOneOf(UNKNOWN_REASONS, reason), detail: toText(detail) }
      : undefined,
    revision: BigNumber.parse(rest.revision),
  };
}

/** What could be salvaged from an unreadable row. */
export interface SalvagedRow {
  /** As the database returns it. */
  readonly rawId: unknown;
  /** For messages. */
  readonly name: string;
  /** Whether the list of its files could be read. */
  readonly hasFiles: boolean;
  /**
   * With an unknown outcome, so that it is checked again; `undefined` if it cannot be
   * identified.
   */
  readonly repository?: KnownRepository;
}

/** Salvages an unreadable row as far as possible. */
export function salvageRow(row: unknown): SalvagedRow {
  const { repository_id: rawId, files: json } = getFields(row);
  const identity = attempt(() => toIdentity(row, asIs));
  if (!identity) {
    return { rawId, name: `id ${String(rawId)}`, hasFiles: false };
  }
  const files = attempt(() => toFiles(JSON.parse(toText(json)), asIs));
  return {
    rawId,
    name: formatAddress(identity),
    hasFiles: files !== undefined,
    repository: { ...identity, files: files ?? [], problem: UNREADABLE, revision: 0 },
  };
}

/** Converts a repository to its row. */
export function toRepositoryRow(providerId: string, known: KnownRepository) {
  const { files, hierarchyId } = known;
  return {
    provider_id: providerId,
    repository_id: known.repositoryId,
    project_key: storableText(known.projectKey),
    slug: storableText(known.slug),
    project_key_sort: toSortKey(known.projectKey),
    slug_sort: toSortKey(known.slug),
    files: JSON.stringify(files),
    ...outcomeColumns(known),
    hierarchy_id: hierarchyId === undefined ? null : storableText(hierarchyId),
    checked_at_ms: known.checkedAtMs ?? null,
    revision: known.revision ?? 0,
  };
}

/** Leaves `settled` empty if the other columns say the same. */
function outcomeColumns({ files, problem, conclusive }: KnownRepository) {
  if (problem) {
    return {
      outcome: 'unknown',
      reason: problem.reason,
      detail: storableText(problem.detail),
      settled: conclusive ? JSON.stringify(conclusive) : null,
    };
  }
  const isRegistered = conclusive?.kind === 'registered';
  return {
    outcome: conclusive?.kind ?? null,
    reason: !conclusive || isRegistered ? null : conclusive.reason,
    detail: null,
    settled:
      isRegistered && !hasSameFiles(conclusive.files, files)
        ? JSON.stringify(conclusive)
        : null,
  };
}

/**
 * Returns the addresses of files that differ from the address of the repository that
 * holds them.
 */
export function foreignAddresses(known: KnownRepository): RepositoryAddress[] {
  const own = addressKey(known);
  const found = new Map<string, RepositoryAddress>();
  for (const { targetUrl } of known.files) {
    const target = parseTarget(targetUrl);
    if (target && addressKey(target) !== own) {
      found.set(addressKey(target), target);
    }
  }
  return [...found.values()];
}

/** Rows to write and rows to delete; the others do not change. */
export interface StateChanges {
  readonly changed: readonly KnownRepository[];
  readonly forgottenIds: readonly number[];
}

/** What the store holds, by id; rows without a revision are not in the tables yet. */
export interface StoredRepositories {
  readonly size: number;
  get(id: number): KnownRepository | undefined;
  keys(): Iterable<number>;
}

/** Compares the known state with the stored one. */
export async function planStateChanges(
  stored: StoredRepositories,
  wanted: readonly KnownRepository[],
): Promise<StateChanges> {
  const changed: KnownRepository[] = [];
  let kept = 0;
  await forEachInTurns(wanted, known => {
    const before = stored.get(known.repositoryId);
    kept += before ? 1 : 0;
    if (!isStored(known, before)) {
      changed.push(known);
    }
  });
  // In most runs none is forgotten.
  const ids = new Set(kept < stored.size ? wanted.map(known => known.repositoryId) : []);
  return {
    changed,
    forgottenIds: kept < stored.size ? [...stored.keys()].filter(id => !ids.has(id)) : [],
  };
}

/**
 * Whether the row holds the same state, apart from the time and revision of the last
 * check.
 */
export function isStored(
  known: KnownRepository,
  stored: KnownRepository | undefined,
): boolean {
  if (stored?.revision === undefined || known === stored) {
    return stored?.revision !== undefined;
  }
  const content = getContent(stored);
  return getContent(known).every(
    // Nearly always the same objects; a deep comparison costs far more.
    (value, index) =>
      value === content[index] || isDeepStrictEqual(value, content[index]),
  );
}

function getContent(known: KnownRepository) {
  const { projectKey, slug, hierarchyId, problem, files, conclusive } = known;
  const { reason, detail } = problem ?? {};
  return [projectKey, slug, hierarchyId, reason, detail, files, conclusive];
}
