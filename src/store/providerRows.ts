/** Between the row of a provider and what others work with. What is read is parsed, column by column. */

import { z } from 'zod';
import { RunOrigin } from '../discovery/types';
import {
  AbortedRunRecord,
  FinishedRun,
  RUN_TRIGGERS,
  RunRecord,
  RunStart,
  StoredDiscovery,
} from './records';
import { BigNumber, parseJson, RunReport } from './stateRows';
import { storableText } from '../util/text';

/** A column that cannot be read counts as empty: the others still tell what they tell. */
const text = z.string().nullable().catch(null);
const number = BigNumber.nullable().catch(null);
const counter = BigNumber.catch(0);

const ProviderRow = z.object({
  provider_id: z.string(),
  adopted: z.coerce.boolean(),
  run_revision: counter,
  pass_since_ms: number,
  pass_since_revision: number,
  pass_scope: text,
  checked_revision: counter,
  checked_at_ms: number,
  confirmed_at_ms: number,
  server_urls: text,
  configuration: text,
  host: text,
  running: z.coerce.boolean(),
  started_at_ms: number,
  run_trigger: z.enum(RUN_TRIGGERS).nullable().catch(null),
  failed_at_ms: number,
  failure: text,
  report: text,
  last_success_at_ms: number,
});

/** The row of a provider, its columns as they are. */
export type ProviderRow = z.infer<typeof ProviderRow>;

const Urls = z.array(z.string());

/** @returns `undefined` where there is no row */
export function readProviderRow(row: unknown): ProviderRow | undefined {
  return ProviderRow.safeParse(row).data;
}

/** Where the run began that has not reached its end. */
export function toInterruptedRun(row: ProviderRow): RunOrigin | undefined {
  const { pass_since_ms: sinceMs, pass_since_revision: sinceRevision } = row;
  const { pass_scope: scope } = row;
  return sinceMs === null || sinceRevision === null || scope === null
    ? undefined
    : { sinceMs, sinceRevision, scope };
}

/** Base URLs that the last listing showed. */
export function toServerUrls({ server_urls: urls }: ProviderRow): string[] | undefined {
  return urls === null ? undefined : Urls.safeParse(parseJson(urls)).data;
}

/** What the provider is doing and how its last run ended. */
export function toStoredDiscovery(row: ProviderRow): StoredDiscovery {
  const { host, started_at_ms: startedAtMs, run_trigger: trigger } = row;
  const { failed_at_ms: failedAtMs, failure: error } = row;
  const lastRun = readLastRun(row);
  const lastSuccessAtMs = laterSuccess(row.last_success_at_ms, lastRun);
  const hasStarted = host !== null && startedAtMs !== null && trigger !== null;
  return {
    providerId: row.provider_id,
    running: row.running,
    ...(hasStarted && { lastStart: { host, startedAtMs, trigger } }),
    ...(failedAtMs !== null &&
      error !== null && { failure: { finishedAtMs: failedAtMs, error } }),
    ...(lastRun && { lastRun }),
    ...(lastSuccessAtMs !== undefined && { lastSuccessAtMs }),
  };
}

/** How the last run with a result ended. */
export function readLastRun({ report }: ProviderRow): RunRecord | undefined {
  return report === null ? undefined : RunReport.safeParse(parseJson(report)).data;
}

/** A replica of an older version writes no more than how the run ended. */
function laterSuccess(
  stored: number | null,
  lastRun: RunRecord | undefined,
): number | undefined {
  const ended = lastRun?.status === 'succeeded' ? lastRun.finishedAtMs : undefined;
  return Math.max(stored ?? 0, ended ?? 0) || undefined;
}

/** Columns of a run that goes on, or of none. */
export function originColumns(origin: RunOrigin | undefined) {
  return {
    pass_since_ms: origin?.sinceMs ?? null,
    pass_since_revision: origin?.sinceRevision ?? null,
    pass_scope: origin?.scope ?? null,
  };
}

/** Columns of a run that begins. */
export function startColumns(start: RunStart) {
  return {
    host: storableText(start.host),
    running: true,
    started_at_ms: start.startedAtMs,
    run_trigger: start.trigger,
    failed_at_ms: null,
    failure: null,
  };
}

/** Columns of a run that broke off. */
export function failureColumns(failure: AbortedRunRecord) {
  return {
    running: false,
    failed_at_ms: failure.finishedAtMs,
    failure: storableText(failure.error),
  };
}

/** Columns of a run that has ended. A column that is not named stays as it is. */
export function finishColumns({ host, trigger, configuration, ...record }: FinishedRun) {
  return {
    ...startColumns({ host, trigger, startedAtMs: record.startedAtMs }),
    running: false,
    report: JSON.stringify(record),
    ...(configuration !== undefined && { configuration }),
    ...(record.status === 'succeeded' && { last_success_at_ms: record.finishedAtMs }),
  };
}

/** Columns of the last run once this many held removals are carried out. */
export function approvalColumns(lastRun: RunRecord, removed: number) {
  const { heldBack, locations } = lastRun.summary;
  const summary = {
    ...lastRun.summary,
    heldBack: Math.max(0, heldBack - removed),
    locations: Math.max(0, locations - removed),
  };
  return { report: JSON.stringify({ ...lastRun, summary }) };
}
