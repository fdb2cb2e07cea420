/** Between rows of the tables and what the engine works with. What is read is parsed. */

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { HeldRemovalReport } from '../discovery/report';
import { RunSummary } from '../discovery/summarizeRun';
import {
  HeldRemoval,
  KnownRepository,
  ProviderMemory,
  SettledOutcome,
} from '../discovery/types';
import { ABSENCE_REASONS, EXCLUSION_REASONS, PRESENCES } from '../model';
import { parseTarget } from '../util/parseTarget';
import { RunRecord } from './ReportStore';

/** PostgreSQL gives 64-bit numbers as text. */
const BigNumber = z.coerce.number().int();

const Files = z.array(
  z.object({
    path: z.string(),
    targetUrl: z.string(),
    // What earlier versions gave all of them.
    presence: z.enum(PRESENCES).default('optional'),
    entity: z.object({ key: z.string(), json: z.string() }).optional(),
  }),
);

const Outcome: z.ZodType<SettledOutcome> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('registered'), files: Files }),
  z.object({ kind: z.literal('excluded'), reason: z.enum(EXCLUSION_REASONS) }),
  z.object({ kind: z.literal('absent'), reason: z.enum(ABSENCE_REASONS) }),
]);

const ProviderRow = z.object({
  pass_since_ms: BigNumber.nullable(),
  pass_scope: z.string().nullable(),
  server_urls: z.string().nullish(),
});

const Urls = z.array(z.string());

const RepositoryRow = z.object({
  repository_id: BigNumber,
  project_key: z.string(),
  slug: z.string(),
  files: z.string(),
  outcome: z.string().nullable(),
  checked_at_ms: BigNumber.nullable(),
});

const CheckRow = RepositoryRow.pick({ repository_id: true }).extend({
  checked_at_ms: BigNumber,
});

const HeldRow = z.object({
  target_url: z.string(),
  repository_id: BigNumber,
  since_ms: BigNumber,
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

const RunReport: z.ZodType<RunRecord> = z.object({
  startedAtMs: z.number(),
  finishedAtMs: z.number(),
  status: z.enum(['succeeded', 'failed']),
  summary: Summary,
  requests: z.number(),
  error: z.string().optional(),
});

const RunRow = z.object({ report: z.string() });

/** @throws an error when the row is not as this version writes it */
export function parseRunRow(row: unknown): RunRecord {
  return RunReport.parse(JSON.parse(RunRow.parse(row).report));
}

/** @throws an error when the row is not as this version writes it */
export function parseProviderRow(
  row: unknown,
): Pick<ProviderMemory, 'unfinishedPass' | 'serverUrls'> {
  const parsed = ProviderRow.parse(row);
  const { pass_since_ms: sinceMs, pass_scope: scope, server_urls: urls } = parsed;
  return {
    unfinishedPass: sinceMs === null || scope === null ? undefined : { sinceMs, scope },
    serverUrls: urls ? Urls.parse(JSON.parse(urls)) : undefined,
  };
}

/** @throws an error when the row is not as this version writes it */
export function parseRepositoryRow(row: unknown): KnownRepository {
  const parsed = RepositoryRow.parse(row);
  return {
    repositoryId: parsed.repository_id,
    projectKey: parsed.project_key,
    slug: parsed.slug,
    files: Files.parse(JSON.parse(parsed.files)),
    settled:
      parsed.outcome === null ? undefined : Outcome.parse(JSON.parse(parsed.outcome)),
    checkedAtMs: parsed.checked_at_ms ?? undefined,
  };
}

/** @throws an error when the row is not as this version writes it */
export function parseCheckRow(row: unknown) {
  const parsed = CheckRow.parse(row);
  return { repositoryId: parsed.repository_id, checkedAtMs: parsed.checked_at_ms };
}

/** @throws an error when the row is not as this version writes it */
export function parseHeldRow(row: unknown): HeldRemoval {
  const parsed = HeldRow.parse(row);
  return {
    repositoryId: parsed.repository_id,
    targetUrl: parsed.target_url,
    sinceMs: parsed.since_ms,
    approved: parsed.approved,
  };
}

/** @throws an error when the row is not as this version writes it */
export function parseHeldReportRow(row: unknown): HeldRemovalReport {
  const held = parseHeldRow(row);
  const { project_key: projectKey, slug } = HeldRepository.parse(row);
  // Before a run has found out its id, only its target tells which repository it is.
  const address = projectKey && slug ? { projectKey, slug } : parseTarget(held.targetUrl);
  return { ...held, address };
}

export function toRepositoryRow(providerId: string, known: KnownRepository) {
  return {
    provider_id: providerId,
    repository_id: known.repositoryId,
    project_key: known.projectKey,
    slug: known.slug,
    files: JSON.stringify(known.files),
    outcome: known.settled === undefined ? null : JSON.stringify(known.settled),
    checked_at_ms: known.checkedAtMs ?? null,
  };
}

/** `approved` is left to its default, so that writing the row again does not undo an approval. */
export function toHeldRow(providerId: string, held: HeldRemoval) {
  return {
    provider_id: providerId,
    target_hash: hashOf(held.targetUrl),
    target_url: held.targetUrl,
    repository_id: held.repositoryId,
    since_ms: held.sinceMs,
  };
}

/** A URL may be longer than what every database takes as a key. */
export function hashOf(targetUrl: string): string {
  return createHash('sha256').update(targetUrl).digest('hex');
}
