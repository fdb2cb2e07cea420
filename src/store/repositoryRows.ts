/**
 * Converts between the row of a repository and the engine's types. Everything that is
 * read is parsed.
 */

import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { addressKey } from '../discovery/identify';
import { hasSameFiles } from '../discovery/locations';
import { KnownRepository } from '../discovery/types';
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
import { parseTarget } from '../util/parseUrls';
import { formatAddress, storableText } from '../util/text';
import { BigNumber, jsonColumn, toSortKey } from './tables';

const Files = z.array(
  z.object({
    path: z.string(),
    targetUrl: z.string(),
    // The value that earlier versions always used.
    presence: z.enum(PRESENCES).default('optional'),
    entity: z.object({ key: z.string(), json: z.string() }).optional(),
  }),
);

const conclusiveWith = <F extends z.ZodType<CatalogFile[]>>(files: F) =>
  [
    z.object({ kind: z.literal('registered'), files }),
    z.object({ kind: z.literal('excluded'), reason: z.enum(EXCLUSION_REASONS) }),
    z.object({ kind: z.literal('absent'), reason: z.enum(ABSENCE_REASONS) }),
  ] as const;

/** The outcome from several columns; its files have been parsed before. */
const LastOutcome = z.discriminatedUnion('kind', [
  ...conclusiveWith(z.custom<CatalogFile[]>()),
  z.object({
    kind: z.literal('unknown'),
    reason: z.enum(UNKNOWN_REASONS),
    detail: z.string(),
  }),
  z.object({ kind: z.null() }),
]);

const Identity = z.object({
  repository_id: BigNumber,
  project_key: z.string(),
  slug: z.string(),
});

const RepositoryRow = Identity.extend({
  files: jsonColumn(Files),
  outcome: z.unknown(),
  reason: z.unknown(),
  detail: z.unknown(),
  settled: jsonColumn(z.discriminatedUnion('kind', conclusiveWith(Files))).nullable(),
  hierarchy_id: z.string().nullable(),
  checked_at_ms: BigNumber.nullable(),
  revision: BigNumber,
});

/** The parts of an unreadable row that can be salvaged. */
const Remains = Identity.extend({ files: jsonColumn(Files).optional().catch(undefined) });

const RawId = z.object({ repository_id: z.unknown() });

/** The problem reported for a repository whose row cannot be read. */
const UNREADABLE: Problem = {
  reason: 'not-checked',
  detail: 'its stored state cannot be read; the next run checks it again',
};

/**
 * Reads the known state of a repository.
 *
 * @returns `undefined` if the row is not in this version's format: broken, or from a
 * newer version
 */
export function readRepositoryRow(row: unknown): KnownRepository | undefined {
  const { data } = RepositoryRow.safeParse(row);
  const { outcome: kind, reason, detail, files = [] } = data ?? {};
  const { data: last } = LastOutcome.safeParse({ kind, reason, detail, files });
  if (!data || !last) {
    return undefined;
  }
  const isConclusive = last.kind !== null && last.kind !== 'unknown';
  return {
    repositoryId: data.repository_id,
    projectKey: data.project_key,
    slug: data.slug,
    hierarchyId: data.hierarchy_id ?? undefined,
    files,
    conclusive: data.settled ?? (isConclusive ? last : undefined),
    checkedAtMs: data.checked_at_ms ?? undefined,
    problem:
      last.kind === 'unknown' ? { reason: last.reason, detail: last.detail } : undefined,
    revision: data.revision,
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
  const rawId = RawId.safeParse(row).data?.repository_id;
  const { data } = Remains.safeParse(row);
  if (!data) {
    return { rawId, name: `id ${String(rawId)}`, hasFiles: false };
  }
  const { repository_id: repositoryId, project_key: projectKey, slug, files = [] } = data;
  const known = { repositoryId, projectKey, slug, files };
  return {
    rawId,
    name: formatAddress({ projectKey, slug }),
    hasFiles: data.files !== undefined,
    repository: { ...known, problem: UNREADABLE, revision: 0 },
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

/**
 * Compares the known state with the stored one.
 *
 * @param stored - as loaded, by id; rows without a revision are not in the tables yet
 */
export async function planStateChanges(
  stored: ReadonlyMap<number, KnownRepository>,
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
  if (stored?.revision === undefined) {
    return false;
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
