/** Between the row of a repository and what the engine works with. What is read is parsed. */

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
import { storableText } from '../util/text';
import { BigNumber, jsonColumn, toSortKey } from './tables';

const Files = z.array(
  z.object({
    path: z.string(),
    targetUrl: z.string(),
    // What earlier versions gave all of them.
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

/** As several columns tell it; its files have been read by then. */
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

/** What can be saved of a row that cannot be read. */
const Remains = Identity.extend({ files: jsonColumn(Files).optional().catch(undefined) });

const RawId = z.object({ repository_id: z.unknown() });

/** What is said of a repository whose row cannot be read. */
const UNREADABLE: Problem = {
  reason: 'not-checked',
  detail: 'what was stored of it cannot be read; the next run looks at it again',
};

/**
 * Reads what is known of a repository.
 *
 * @returns `undefined` when the row is not as this version writes it: broken, or of a newer
 * version
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

/** What is left of a row that cannot be read. */
export interface SalvagedRow {
  /** As the database gives it. */
  readonly rawId: unknown;
  /** For people. */
  readonly name: string;
  /** What the catalog holds for it is still legible. */
  readonly hasFiles: boolean;
  /** Unknown, to be looked at again; `undefined` where not even that can be told. */
  readonly repository?: KnownRepository;
}

/** Saves what can be saved. */
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
    name: `${projectKey}/${slug}`,
    hasFiles: data.files !== undefined,
    repository: { ...known, problem: UNREADABLE, revision: 0 },
  };
}

/** The row of a repository. */
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

/** `settled` is left empty where the other columns say the same. */
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

/** Where files lie that are at another address than the repository that holds them. */
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

/** Rows to be written and rows to be deleted; the others stay as they are. */
export interface StateChanges {
  readonly changed: readonly KnownRepository[];
  readonly forgottenIds: readonly number[];
}

/**
 * Compares what is known with what the tables held.
 *
 * @param stored - as it was loaded, by id; rows without a revision are not in the tables yet
 */
export async function planStateChanges(
  stored: ReadonlyMap<number, KnownRepository>,
  wanted: readonly KnownRepository[],
): Promise<StateChanges> {
  const changed: KnownRepository[] = [];
  let kept = 0;
  await forEachInTurns(wanted, one => {
    const before = stored.get(one.repositoryId);
    kept += before ? 1 : 0;
    if (!isStored(one, before)) {
      changed.push(one);
    }
  });
  // In the usual run, none is forgotten.
  const ids = new Set(kept < stored.size ? wanted.map(one => one.repositoryId) : []);
  return {
    changed,
    forgottenIds: kept < stored.size ? [...stored.keys()].filter(id => !ids.has(id)) : [],
  };
}

/** Whether the row holds all that is known, but for when and by whom it was looked at. */
export function isStored(
  known: KnownRepository,
  stored: KnownRepository | undefined,
): boolean {
  if (stored?.revision === undefined) {
    return false;
  }
  const content = getContent(stored);
  return getContent(known).every(
    // Nearly always they are the very same, and to compare deeply costs far more.
    (value, index) =>
      value === content[index] || isDeepStrictEqual(value, content[index]),
  );
}

function getContent(known: KnownRepository) {
  const { projectKey, slug, hierarchyId, problem, files, conclusive } = known;
  const { reason, detail } = problem ?? {};
  return [projectKey, slug, hierarchyId, reason, detail, files, conclusive];
}
