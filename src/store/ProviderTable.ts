/** The row of a provider and its held removals. Every column that is read is parsed. */

import type { Knex } from 'knex';
import { z } from 'zod';
import { RECHECK_BUCKETS } from '../discovery/recheck';
import { RecheckState } from '../discovery/recheckState';
import { RunSummary } from '../discovery/summarizeRun';
import { HeldRemoval, ListingPosition, RunOrigin } from '../discovery/types';
import { sha256, storableText } from '../util/text';
import { inBatches } from './DiscoveryDatabase';
import {
  AbortedRunRecord,
  FinishedRun,
  RUN_TRIGGERS,
  RunRecord,
  RunStart,
  RunTrigger,
  StoredDiscovery,
} from './records';
import { BigNumber, HELD, jsonColumn, PROVIDERS, REPOSITORIES } from './tables';

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
  spared: z
    .object({
      recheck: z.number(),
      // Earlier versions did not count them.
      read: z.number().default(0),
      search: z.number(),
    })
    .optional(),
  searchOff: z.string().optional(),
});

const RunReport: z.ZodType<RunRecord> = z.object({
  startedAtMs: z.number(),
  finishedAtMs: z.number(),
  status: z.enum(['succeeded', 'failed']),
  summary: Summary,
  requests: z.number(),
  authenticated: z.boolean().optional().catch(undefined),
  error: z.string().optional(),
  settings: z
    .object({ values: z.record(z.string(), z.json()), sinceMs: z.number() })
    .optional()
    .catch(undefined),
});

const CheckTimes = z
  .array(z.object({ revision: z.number(), atMs: z.number() }).nullable())
  .length(RECHECK_BUCKETS);

const Recheck: z.ZodType<RecheckState> = z.object({
  configuration: z.string(),
  rule: z
    .object({
      foundMs: z.number(),
      absentMs: z.number().optional(),
      minFiles: z.number(),
    })
    .optional(),
  found: CheckTimes,
  absent: CheckTimes,
});

/** A column that cannot be read counts as empty, so that the others stay usable. */
const text = z.string().nullable().catch(null);
const number = BigNumber.nullable().catch(null);
const counter = BigNumber.catch(0);

const Position: z.ZodType<ListingPosition> = z.object({
  projectKey: z.string().optional(),
  start: z.number().optional(),
});

const ProviderRow = z.object({
  provider_id: z.string(),
  adopted: z.coerce.boolean(),
  run_revision: counter,
  pass_since_ms: number,
  pass_since_revision: number,
  pass_scope: text,
  pass_listing: jsonColumn(Position).nullable().catch(null),
  checked_revision: counter,
  checked_at_ms: number,
  confirmed_at_ms: number,
  server_urls: jsonColumn(z.array(z.string())).nullable().catch(null),
  configuration: text,
  host: text,
  running: z.coerce.boolean(),
  started_at_ms: number,
  run_trigger: z.enum(RUN_TRIGGERS).nullable().catch(null),
  failed_at_ms: number,
  failure: text,
  report: jsonColumn(RunReport).nullable().catch(null),
  recheck: jsonColumn(Recheck).nullable().catch(null),
  last_success_at_ms: number,
});

/** The row of a provider, with its original column names. */
export type ProviderRow = z.infer<typeof ProviderRow>;

type Columns = Readonly<Record<string, string | number | boolean | null>>;

const SomeColumns = ProviderRow.partial();

const RevisionRow = z.object({ revision: BigNumber });
const HashRow = z.object({ target_hash: z.string() });

const HeldRow = z
  .object({
    target_url: z.string(),
    repository_id: BigNumber,
    since_ms: BigNumber,
    confirmed_ms: BigNumber,
    approved: z.coerce.boolean(),
  })
  .transform((row): HeldRemoval => ({
    repositoryId: row.repository_id,
    entryKey: row.target_url,
    sinceMs: row.since_ms,
    confirmedForMs: row.confirmed_ms,
    approved: row.approved,
  }));

/** The row of one provider, on a connection or in a transaction. */
export class ProviderTable {
  readonly #knex: Knex;
  readonly #providerId: string;

  constructor(knex: Knex, providerId: string) {
    this.#knex = knex;
    this.#providerId = providerId;
  }

  /** @returns `undefined` where there is no row */
  async read(): Promise<ProviderRow | undefined> {
    return readProviderRow(await this.#own().first());
  }

  /** Reads one column: the whole row with its report takes several times as long. */
  async readColumn<K extends keyof ProviderRow>(
    column: K,
  ): Promise<z.infer<typeof SomeColumns>[K] | undefined> {
    const row: unknown = await this.#own().first(column);
    return SomeColumns.safeParse(row).data?.[column];
  }

  /** Writes columns; the others do not change. */
  async save(columns: Columns): Promise<void> {
    await this.#knex(PROVIDERS)
      .insert({ provider_id: this.#providerId, ...columns })
      .onConflict('provider_id')
      .merge(Object.keys(columns));
  }

  /**
   * Removes the mark of a manual run: of runs that begin concurrently, only one gets it.
   */
  async consumeTrigger(): Promise<RunTrigger> {
    // A single statement, so that only one of two concurrent replicas changes the row.
    const taken = await this.#own()
      .where('next_trigger', 'manual')
      .update({ next_trigger: null });
    return taken > 0 ? 'manual' : 'schedule';
  }

  /**
   * Takes the next revision.
   *
   * @returns `undefined` if there is no state because no run has begun yet
   */
  async nextRevision(isRun: boolean): Promise<number | undefined> {
    const next = this.#knex.raw('revision + 1');
    const rows: unknown[] = await this.#own()
      .where('adopted', true)
      .update({ revision: next, ...(isRun && { run_revision: next }) })
      .returning('revision');
    return rows.map(row => RevisionRow.parse(row).revision)[0];
  }

  /**
   * Raises the revision to that of the newest row. Otherwise, after a restored backup or
   * a broken row, stored rows would look newer than future ones.
   */
  async raiseRevision(): Promise<void> {
    const highest: unknown = await this.#own(REPOSITORIES)
      .max({ revision: 'revision' })
      .first();
    const stored: unknown = await this.#own().first('revision');
    const [least = 0, current] = [highest, stored].map(
      row => RevisionRow.safeParse(row).data?.revision,
    );
    if (current === undefined || current < least) {
      await this.#own().update({ revision: least, run_revision: 0 });
    }
  }

  /**
   * Reads the held removals, without unreadable rows: if such a removal is still due, the
   * next run holds it again.
   */
  async readHeld(): Promise<HeldRemoval[]> {
    const rows: unknown[] = await this.#own(HELD);
    return rows.flatMap(row => readHeldRow(row) ?? []);
  }

  /** Replaces the held removals; those that are still held keep their approval. */
  async replaceHeld(held: readonly HeldRemoval[]): Promise<void> {
    const rows: unknown[] = await this.#own(HELD).select('target_hash');
    const stored = rows.map(row => HashRow.parse(row).target_hash);
    const wanted = new Set(held.map(removal => sha256(removal.entryKey)));
    await this.#deleteHeld(stored.filter(hash => !wanted.has(hash)));
    await this.writeHeld(held);
  }

  /** @param keys - the entry keys of the removals that are no longer held */
  async deleteHeld(keys: readonly string[]): Promise<void> {
    await this.#deleteHeld(keys.map(sha256));
  }

  /** Adds held removals. */
  async writeHeld(held: readonly HeldRemoval[]): Promise<void> {
    await inBatches(held, batch =>
      this.#knex(HELD)
        .insert(batch.map(removal => toHeldRow(this.#providerId, removal)))
        .onConflict(['provider_id', 'target_hash'])
        .merge(),
    );
  }

  /** Marks the held removals with these keys as approved. */
  async approve(keys: readonly string[]): Promise<void> {
    await inBatches(keys.map(sha256), batch =>
      this.#own(HELD).whereIn('target_hash', batch).update({ approved: true }),
    );
  }

  async #deleteHeld(hashes: readonly string[]): Promise<void> {
    await inBatches(hashes, batch =>
      this.#own(HELD).whereIn('target_hash', batch).delete(),
    );
  }

  #own(table = PROVIDERS) {
    return this.#knex(table).where('provider_id', this.#providerId);
  }
}

/** @returns `undefined` where there is no row */
export function readProviderRow(row: unknown): ProviderRow | undefined {
  return ProviderRow.safeParse(row).data;
}

/** Returns the start of a run that has not completed. */
export function toInterruptedRun(row: ProviderRow): RunOrigin | undefined {
  const { pass_since_ms: sinceMs, pass_since_revision: sinceRevision } = row;
  const { pass_scope: scope, pass_listing: listingFrom } = row;
  return sinceMs === null || sinceRevision === null || scope === null
    ? undefined
    : { sinceMs, sinceRevision, scope, ...(listingFrom && { listingFrom }) };
}

/** Converts the row to the provider's status and the result of its last run. */
export function toStoredDiscovery(row: ProviderRow): StoredDiscovery {
  const { host, started_at_ms: startedAtMs, run_trigger: trigger } = row;
  const { failed_at_ms: failedAtMs, failure: error, report: lastRun } = row;
  // A replica of an older version writes only the report of the run.
  const lastEnd = lastRun?.status === 'succeeded' ? lastRun.finishedAtMs : 0;
  const lastSuccessAtMs = Math.max(row.last_success_at_ms ?? 0, lastEnd);
  const hasStarted = host !== null && startedAtMs !== null && trigger !== null;
  const hasFailed = failedAtMs !== null && error !== null;
  return {
    providerId: row.provider_id,
    running: row.running,
    ...(hasStarted && { lastStart: { host, startedAtMs, trigger } }),
    ...(hasFailed && { failure: { finishedAtMs: failedAtMs, error } }),
    ...(lastRun && { lastRun }),
    ...(lastSuccessAtMs > 0 && { lastSuccessAtMs }),
  };
}

/** Columns for a run in progress, or for none. */
export function originColumns(origin: RunOrigin | undefined) {
  return {
    pass_since_ms: origin?.sinceMs ?? null,
    pass_since_revision: origin?.sinceRevision ?? null,
    pass_scope: origin?.scope ?? null,
    pass_listing: origin?.listingFrom ? JSON.stringify(origin.listingFrom) : null,
  };
}

/** Columns for a run that begins. */
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

/** Columns for a run that was aborted. */
export function failureColumns(failure: AbortedRunRecord) {
  return {
    running: false,
    failed_at_ms: failure.finishedAtMs,
    failure: storableText(failure.error),
  };
}

/** Columns for a run that has finished. Columns that are not named do not change. */
export function finishColumns({ host, trigger, configuration, ...record }: FinishedRun) {
  return {
    ...startColumns({ host, trigger, startedAtMs: record.startedAtMs }),
    running: false,
    report: JSON.stringify(record),
    ...(configuration !== undefined && { configuration }),
    ...(record.status === 'succeeded' && { last_success_at_ms: record.finishedAtMs }),
  };
}

/** Columns for the last run once this many held removals are carried out. */
export function approvalColumns(lastRun: RunRecord, removed: number) {
  const { heldBack, locations } = lastRun.summary;
  const summary = {
    ...lastRun.summary,
    heldBack: Math.max(0, heldBack - removed),
    locations: Math.max(0, locations - removed),
  };
  return { report: JSON.stringify({ ...lastRun, summary }) };
}

/** @returns `undefined` if the row is not in this version's format */
export function readHeldRow(row: unknown): HeldRemoval | undefined {
  return HeldRow.safeParse(row).data;
}

/** Omits `approved`, so that writing the row again does not undo an approval. */
function toHeldRow(providerId: string, held: HeldRemoval) {
  return {
    provider_id: providerId,
    // A URL may be longer than a database allows for a key.
    target_hash: sha256(held.entryKey),
    target_url: storableText(held.entryKey),
    repository_id: held.repositoryId,
    since_ms: held.sinceMs,
    confirmed_ms: held.confirmedForMs,
  };
}
