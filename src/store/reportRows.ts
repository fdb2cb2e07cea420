/** Between rows of the tables of the report and what is reported. What is read is parsed. */

import { z } from 'zod';
import { RepositoryReport } from '../discovery/report';
import { OUTCOME_KINDS } from '../model';
import {
  FinishedRun,
  RUN_TRIGGERS,
  RunFailure,
  RunRecord,
  RunStart,
  StoredDiscovery,
} from './ReportStore';
import { storableText } from '../util/text';
import { parseRunRow } from './storedRows';

/** PostgreSQL gives 64-bit numbers as text. */
const BigNumber = z.coerce.number().int();

const Files = z.array(z.object({ path: z.string(), targetUrl: z.string() }));

const StatusRow = z.object({
  provider_id: z.string(),
  host: z.string().nullable(),
  running: z.coerce.boolean(),
  started_at_ms: BigNumber.nullable(),
  run_trigger: z.enum(RUN_TRIGGERS).nullable(),
  failed_at_ms: BigNumber.nullable(),
  failure: z.string().nullable(),
  report: z.string().nullable(),
  last_success_at_ms: BigNumber.nullish(),
});

const ReportRow = z.object({
  repository_id: BigNumber,
  project_key: z.string(),
  slug: z.string(),
  outcome: z.enum(OUTCOME_KINDS),
  reason: z.string().nullable(),
  detail: z.string().nullable(),
  files: z.string(),
  checked_at_ms: BigNumber.nullable(),
});

const CountRow = z.object({ total: BigNumber });

/** Comparable form of a project key or slug: Bitbucket disregards their case. */
export function toSortKey(text: string): string {
  return text.toLowerCase();
}

/** @throws an error when the row is not as this version writes it */
export function parseStatusRow(row: unknown): StoredDiscovery {
  const parsed = StatusRow.parse(row);
  const { host, started_at_ms: startedAtMs, run_trigger: trigger, report } = parsed;
  const { failed_at_ms: failedAtMs, failure: error } = parsed;
  const lastRun = report === null ? undefined : parseRunRow({ report });
  const lastSuccessAtMs = laterSuccess(parsed.last_success_at_ms, lastRun);
  const hasStarted = host !== null && startedAtMs !== null && trigger !== null;
  return {
    providerId: parsed.provider_id,
    running: parsed.running,
    ...(hasStarted && { lastStart: { host, startedAtMs, trigger } }),
    ...(failedAtMs !== null &&
      error !== null && { failure: { finishedAtMs: failedAtMs, error } }),
    ...(lastRun && { lastRun }),
    ...(lastSuccessAtMs !== undefined && { lastSuccessAtMs }),
  };
}

/** A replica of an older version writes no more than how the run ended. */
function laterSuccess(
  stored: number | null | undefined,
  lastRun: RunRecord | undefined,
): number | undefined {
  const ended = lastRun?.status === 'succeeded' ? lastRun.finishedAtMs : undefined;
  return Math.max(stored ?? 0, ended ?? 0) || undefined;
}

/** @throws an error when the row is not as this version writes it */
export function parseReportRow(row: unknown): RepositoryReport {
  const parsed = ReportRow.parse(row);
  return {
    repositoryId: parsed.repository_id,
    projectKey: parsed.project_key,
    repositorySlug: parsed.slug,
    outcome: parsed.outcome,
    ...(parsed.reason !== null && { reason: parsed.reason }),
    ...(parsed.detail !== null && { detail: parsed.detail }),
    files: Files.parse(JSON.parse(parsed.files)),
    ...(parsed.checked_at_ms !== null && { checkedAtMs: parsed.checked_at_ms }),
  };
}

/** @throws an error when the row holds no count */
export function parseCountRow(row: unknown): number {
  return CountRow.parse(row).total;
}

export function toStartRow(providerId: string, start: RunStart) {
  return {
    provider_id: providerId,
    host: start.host,
    running: true,
    started_at_ms: start.startedAtMs,
    run_trigger: start.trigger,
    failed_at_ms: null,
    failure: null,
  };
}

export function toFailureRow(providerId: string, failure: RunFailure) {
  return {
    provider_id: providerId,
    running: false,
    failed_at_ms: failure.finishedAtMs,
    failure: storableText(failure.error),
  };
}

export function toFinishRow(providerId: string, run: FinishedRun) {
  const row = {
    ...toStartRow(providerId, run),
    running: false,
    report: JSON.stringify(run),
  };
  // A column that is not named stays as it is.
  return run.status === 'succeeded'
    ? { ...row, last_success_at_ms: run.finishedAtMs }
    : row;
}

export function toReportRow(providerId: string, report: RepositoryReport) {
  return {
    provider_id: providerId,
    repository_id: report.repositoryId,
    project_key: report.projectKey,
    slug: report.repositorySlug,
    project_key_sort: toSortKey(report.projectKey),
    slug_sort: toSortKey(report.repositorySlug),
    outcome: report.outcome,
    reason: report.reason ?? null,
    detail: report.detail === undefined ? null : storableText(report.detail),
    files: JSON.stringify(report.files),
    checked_at_ms: report.checkedAtMs ?? null,
  };
}
