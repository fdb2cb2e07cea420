/** Between rows of the tables and what the engine works with. What is read is parsed. */

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { addressKey } from '../discovery/identify';
import { hasSameFiles } from '../discovery/locations';
import { HeldRemovalReport } from '../discovery/report';
import { RunSummary } from '../discovery/summarizeRun';
import { HeldRemoval, KnownRepository, SettledOutcome } from '../discovery/types';
import {
  ABSENCE_REASONS,
  CatalogFile,
  EXCLUSION_REASONS,
  PRESENCES,
  Problem,
  RepositoryAddress,
  UNKNOWN_REASONS,
} from '../model';
import { parseTarget } from '../util/parseUrls';
import { RunRecord } from './records';
import { storableText } from '../util/text';

/** PostgreSQL gives 64-bit numbers as text. */
export const BigNumber = z.coerce.number().int();

const Files = z.array(
  z.object({
    path: z.string(),
    targetUrl: z.string(),
    // What earlier versions gave all of them.
    presence: z.enum(PRESENCES).default('optional'),
    entity: z.object({ key: z.string(), json: z.string() }).optional(),
  }),
);

const Settled: z.ZodType<SettledOutcome> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('registered'), files: Files }),
  z.object({ kind: z.literal('excluded'), reason: z.enum(EXCLUSION_REASONS) }),
  z.object({ kind: z.literal('absent'), reason: z.enum(ABSENCE_REASONS) }),
]);

const LastOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.null() }),
  z.object({ outcome: z.literal('registered') }),
  z.object({ outcome: z.literal('excluded'), reason: z.enum(EXCLUSION_REASONS) }),
  z.object({ outcome: z.literal('absent'), reason: z.enum(ABSENCE_REASONS) }),
  z.object({
    outcome: z.literal('unknown'),
    reason: z.enum(UNKNOWN_REASONS),
    detail: z.string(),
  }),
]);
type LastOutcome = z.infer<typeof LastOutcome>;

const RepositoryRow = z.object({
  repository_id: BigNumber,
  project_key: z.string(),
  slug: z.string(),
  files: z.string(),
  settled: z.string().nullable(),
  hierarchy_id: z.string().nullable(),
  checked_at_ms: BigNumber.nullable(),
  revision: BigNumber,
});

const Identity = RepositoryRow.pick({
  repository_id: true,
  project_key: true,
  slug: true,
  files: true,
});

const HeldRow = z.object({
  target_url: z.string(),
  repository_id: BigNumber,
  since_ms: BigNumber,
  confirmed_ms: BigNumber,
  approved: z.coerce.boolean(),
});

const HeldRepository = z.object({
  project_key: z.string().nullish(),
  slug: z.string().nullish(),
});

const Counts = z.record(z.string(), z.number());

const Summary: z.ZodType<RunSummary> = z.object({
  repositories: z.number(),
  registered: z.number(),
  excluded: z.number(),
  absent: z.number(),
  unknown: z.number(),
  locations: z.number(),
  removed: z.number(),
  // Earlier versions did not count them.
  replaced: z.number().default(0),
  carriedForward: z.number(),
  heldBack: z.number(),
  reasons: z.object({
    registered: Counts,
    excluded: Counts,
    absent: Counts,
    unknown: Counts,
  }),
});

export const RunReport: z.ZodType<RunRecord> = z.object({
  startedAtMs: z.number(),
  finishedAtMs: z.number(),
  status: z.enum(['succeeded', 'failed']),
  summary: Summary,
  requests: z.number(),
  authenticated: z.boolean().optional().catch(undefined),
  error: z.string().optional(),
});

/** What is said of a repository whose row cannot be read. */
const UNREADABLE: Problem = {
  reason: 'not-checked',
  detail: 'what was stored of it cannot be read; the next run looks at it again',
};

/** Comparable form of a project key or slug: Bitbucket disregards their case. */
export function toSortKey(text: string): string {
  return storableText(text).toLowerCase();
}

/** Parses JSON that may be broken. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Reads what is known of a repository.
 *
 * @returns `undefined` when the row is not as this version writes it: broken, or of a newer
 * version
 */
export function readRepositoryRow(row: unknown): KnownRepository | undefined {
  const parsed = RepositoryRow.safeParse(row);
  const last = LastOutcome.safeParse(row);
  if (!parsed.success || !last.success) {
    return undefined;
  }
  const { data } = parsed;
  const files = Files.safeParse(parseJson(data.files));
  const settled =
    data.settled === null
      ? { success: true, data: undefined }
      : Settled.safeParse(parseJson(data.settled));
  if (!files.success || !settled.success) {
    return undefined;
  }
  return {
    repositoryId: data.repository_id,
    projectKey: data.project_key,
    slug: data.slug,
    hierarchyId: data.hierarchy_id ?? undefined,
    files: files.data,
    settled: settled.data ?? impliedBy(last.data, files.data),
    checkedAtMs: data.checked_at_ms ?? undefined,
    problem:
      last.data.outcome === 'unknown'
        ? { reason: last.data.reason, detail: last.data.detail }
        : undefined,
    revision: data.revision,
  };
}

/** What need not be written down twice. */
function impliedBy(
  last: LastOutcome,
  files: readonly CatalogFile[],
): SettledOutcome | undefined {
  switch (last.outcome) {
    case null:
    case 'unknown':
      return undefined;
    case 'registered':
      return { kind: 'registered', files };
    case 'excluded':
      return { kind: 'excluded', reason: last.reason };
    case 'absent':
      return { kind: 'absent', reason: last.reason };
    default:
      return last satisfies never;
  }
}

/** What can be saved of a row that cannot be read. */
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
  const raw = z.object({ repository_id: z.unknown() }).safeParse(row).data;
  const rawId = raw?.repository_id;
  const identity = Identity.safeParse(row);
  if (!identity.success) {
    return { rawId, name: `id ${String(rawId)}`, hasFiles: false };
  }
  const { repository_id: repositoryId, project_key: projectKey, slug } = identity.data;
  const files = Files.safeParse(parseJson(identity.data.files));
  return {
    rawId,
    name: `${projectKey}/${slug}`,
    hasFiles: files.success,
    repository: {
      repositoryId,
      projectKey,
      slug,
      files: files.data ?? [],
      problem: UNREADABLE,
      revision: 0,
    },
  };
}

/** The row of a repository. */
export function toRepositoryRow(providerId: string, known: KnownRepository) {
  const { problem, settled } = known;
  return {
    provider_id: providerId,
    repository_id: known.repositoryId,
    project_key: storableText(known.projectKey),
    slug: storableText(known.slug),
    project_key_sort: toSortKey(known.projectKey),
    slug_sort: toSortKey(known.slug),
    files: JSON.stringify(known.files),
    outcome: problem ? 'unknown' : (settled?.kind ?? null),
    reason: problem?.reason ?? reasonOf(settled) ?? null,
    detail: problem ? storableText(problem.detail) : null,
    settled: isImplied(known) ? null : JSON.stringify(settled),
    hierarchy_id:
      known.hierarchyId === undefined ? null : storableText(known.hierarchyId),
    checked_at_ms: known.checkedAtMs ?? null,
    revision: known.revision ?? 0,
  };
}

function reasonOf(settled: SettledOutcome | undefined): string | undefined {
  return settled && settled.kind !== 'registered' ? settled.reason : undefined;
}

function isImplied({ problem, settled, files }: KnownRepository): boolean {
  return (
    settled === undefined ||
    (problem === undefined &&
      (settled.kind !== 'registered' || hasSameFiles(settled.files, files)))
  );
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

/** @returns `undefined` when the row is not as this version writes it */
export function readHeldRow(row: unknown): HeldRemoval | undefined {
  const { data } = HeldRow.safeParse(row);
  return (
    data && {
      repositoryId: data.repository_id,
      targetUrl: data.target_url,
      sinceMs: data.since_ms,
      confirmedForMs: data.confirmed_ms,
      approved: data.approved,
    }
  );
}

/** @returns `undefined` when the row is not as this version writes it */
export function readHeldReportRow(row: unknown): HeldRemovalReport | undefined {
  const held = readHeldRow(row);
  const { project_key: projectKey, slug } = HeldRepository.safeParse(row).data ?? {};
  // Before a run has found out its id, only its target tells which repository it is.
  const address =
    projectKey && slug ? { projectKey, slug } : parseTarget(held?.targetUrl ?? '');
  return held && { ...held, address };
}

/** `approved` is left to its default, so that writing the row again does not undo an approval. */
export function toHeldRow(providerId: string, held: HeldRemoval) {
  return {
    provider_id: providerId,
    target_hash: hashOf(held.targetUrl),
    target_url: storableText(held.targetUrl),
    repository_id: held.repositoryId,
    since_ms: held.sinceMs,
    confirmed_ms: held.confirmedForMs,
  };
}

/** A URL may be longer than what every database takes as a key. */
export function hashOf(entryKey: string): string {
  return createHash('sha256').update(entryKey).digest('hex');
}
