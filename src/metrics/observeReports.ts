/**
 * The gauges: read from the stored report whenever metrics are collected, so that every
 * replica shows the same, whichever ran last.
 */

import { BatchObservableResult, ObservableGauge } from '@opentelemetry/api';
import { LoggerService } from '@backstage/backend-plugin-api';
import { CatalogReporter } from '../catalog/CatalogReporter';
import { ConflictReporter, toKnownConflicts } from '../conflicts/ConflictReporter';
import { DiscoveryReport } from '../store/DiscoveryReport';
import { StoredDiscovery } from '../store/records';
import { summarizeWebhooks, WebhookSummary } from '../store/summarizeWebhooks';
import { WebhookStore } from '../store/WebhookStore';
import { Clock } from '../util/clock';
import { onAbort } from '../util/abort';
import {
  Conflict,
  CONFLICT_KINDS,
  distinctConflicts,
} from '../conflicts/describeConflicts';
import { RunSummary } from '../discovery/summarizeRun';
import { SPARED_BY } from '../discovery/types';
import {
  ABSENCE_REASONS,
  EXCLUSION_REASONS,
  OUTCOME_KINDS,
  UNKNOWN_REASONS,
} from '../model';
import { Instruments, instruments } from './instruments';

/** Metrics are collected every few seconds; the log need not say each time that they fail. */
const WARN_INTERVAL_MS = 600_000;

/**
 * What becomes of files is looked for among all that a provider has in the catalog: with
 * 100,000 files that takes the database seconds.
 */
const ERRORS_INTERVAL_MS = 60_000;

/** What the gauges are read with. */
interface ObserveReportsOptions {
  readonly reports: Pick<DiscoveryReport, 'loadDiscoveries'>;
  /** Left out where they are not looked for. */
  readonly conflicts?: Pick<ConflictReporter, 'of'>;
  /** Likewise. */
  readonly inCatalog?: Pick<CatalogReporter, 'failing'>;
  readonly webhooks?: Pick<WebhookStore, 'load'>;
  /** Those configured: what is stored of others is of the past. */
  readonly providerIds: readonly string[];
  readonly logger: Pick<LoggerService, 'warn'>;
  readonly clock: Pick<Clock, 'now'>;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Has the gauges measured with each collection until the signal aborts. */
export function observeReports(options: ObserveReportsOptions): void {
  const { providerIds, signal } = options;
  if (providerIds.length === 0 || signal.aborted) {
    return;
  }
  const current = instruments();
  const { meter, lastSuccessAge, repositories, locations, spared, conflicts } = current;
  const { catalogErrors, webhookAge, silentProjects, unannouncedChanges } = current;
  const gauges = [
    ...[lastSuccessAge, repositories, locations, spared, conflicts],
    ...[catalogErrors, webhookAge, silentProjects, unannouncedChanges],
  ];
  const reader = new ReportReader(options, current);
  const callback = (result: BatchObservableResult) => reader.measure(result);
  meter.addBatchObservableCallback(callback, gauges);
  onAbort(signal, () => meter.removeBatchObservableCallback(callback, gauges));
}

/** Measures; never throws. */
class ReportReader {
  readonly #lastSuccessMs = new Map<string, number>();
  readonly #failing = new Map<
    string,
    { readonly atMs: number; readonly count?: number }
  >();
  #warnedAtMs: number | undefined;

  constructor(
    private readonly options: ObserveReportsOptions,
    private readonly current: Instruments,
  ) {}

  async measure(result: BatchObservableResult): Promise<void> {
    const { catalogErrors, conflicts, locations, repositories, spared } = this.current;
    for (const { providerId, lastRun, lastSuccessAtMs } of await this.#load()) {
      if (lastSuccessAtMs !== undefined) {
        this.#lastSuccessMs.set(providerId, lastSuccessAtMs);
      }
      const observe = (gauge: ObservableGauge, { value, attributes }: Measurement) =>
        result.observe(gauge, value, { provider: providerId, ...attributes });
      if (lastRun) {
        measureRepositories(lastRun.summary).forEach(one => observe(repositories, one));
        measureLocations(lastRun.summary).forEach(one => observe(locations, one));
        measureSpared(lastRun.summary).forEach(one => observe(spared, one));
        const measured = await this.#measureConflicts(providerId);
        measured.forEach(one => observe(conflicts, one));
        const failing = await this.#measureErrors(providerId);
        failing.forEach(one => observe(catalogErrors, one));
        const heard = await this.#measureWebhooks(providerId);
        heard.forEach(([gauge, one]) => observe(gauge, one));
      }
    }
    this.#measureAges(result);
  }

  /**
   * The age grows on while the store cannot be read: an SDK exports the last value of what
   * is not measured, and an age that stands still would hide that nothing works.
   */
  #measureAges(result: BatchObservableResult): void {
    const nowMs = this.options.clock.now();
    for (const [provider, atMs] of this.#lastSuccessMs) {
      const seconds = Math.max(nowMs - atMs, 0) / 1000;
      result.observe(this.current.lastSuccessAge, seconds, { provider });
    }
  }

  #measureConflicts(providerId: string): Promise<Measurement[]> {
    return this.#orNothing(async () => {
      const disputed = await this.options.conflicts?.of(providerId);
      return disputed ? measureConflicts(disputed.flatMap(one => one.conflicts)) : [];
    });
  }

  #measureErrors(providerId: string): Promise<Measurement[]> {
    const { clock, conflicts, inCatalog } = this.options;
    return this.#orNothing(async () => {
      const nowMs = clock.now();
      let last = this.#failing.get(providerId);
      if (!last || Math.abs(nowMs - last.atMs) >= ERRORS_INTERVAL_MS) {
        const known = toKnownConflicts(await conflicts?.of(providerId));
        const failing = await inCatalog?.failing(providerId, known);
        last = { atMs: nowMs, count: failing?.length };
        this.#failing.set(providerId, last);
      }
      return last.count === undefined ? [] : [{ value: last.count, attributes: {} }];
    });
  }

  #measureWebhooks(
    providerId: string,
  ): Promise<(readonly [ObservableGauge, Measurement])[]> {
    const { clock, webhooks } = this.options;
    const { silentProjects, unannouncedChanges, webhookAge } = this.current;
    return this.#orNothing(async () => {
      const projects = await webhooks?.load(providerId);
      if (!projects) {
        return [];
      }
      const summary = summarizeWebhooks(projects);
      const attributes = {};
      return [
        [silentProjects, { value: summary.silentProjects, attributes }],
        [unannouncedChanges, { value: summary.unannounced, attributes }],
        ...measureAges(summary, clock.now()).map(one => [webhookAge, one] as const),
      ];
    });
  }

  #load(): Promise<StoredDiscovery[]> {
    const { reports, providerIds } = this.options;
    return this.#orNothing(async () =>
      (await reports.loadDiscoveries()).filter(one =>
        providerIds.includes(one.providerId),
      ),
    );
  }

  /** @returns nothing where the store cannot be read */
  async #orNothing<T>(read: () => Promise<T[]>): Promise<T[]> {
    try {
      return await read();
    } catch (error) {
      if (!this.options.signal.aborted) {
        this.#warn(error);
      }
      return [];
    }
  }

  #warn(error: unknown): void {
    const { clock, logger } = this.options;
    const nowMs = clock.now();
    if (this.#warnedAtMs === undefined || nowMs - this.#warnedAtMs >= WARN_INTERVAL_MS) {
      this.#warnedAtMs = nowMs;
      logger.warn(`The report could not be read for the metrics: ${error}`);
    }
  }
}

/** A number and what it is about. */
export interface Measurement {
  readonly value: number;
  readonly attributes: Readonly<Record<string, string>>;
}

const REASONS = {
  excluded: EXCLUSION_REASONS,
  absent: ABSENCE_REASONS,
  unknown: UNKNOWN_REASONS,
};

/**
 * Repositories by outcome and reason.
 *
 * @remarks Reasons that no repository ended with are there as 0: an SDK goes on exporting
 * the last value of a gauge that is not measured any more.
 */
function measureRepositories(summary: RunSummary): Measurement[] {
  return OUTCOME_KINDS.flatMap((outcome): Measurement[] => {
    if (outcome === 'registered') {
      return [{ value: summary.registered, attributes: { outcome } }];
    }
    const counts = summary.reasons[outcome];
    const reasons = new Set([...REASONS[outcome], ...Object.keys(counts)]);
    return [...reasons].map(reason => ({
      value: counts[reason] ?? 0,
      attributes: { outcome, reason },
    }));
  });
}

/** Locations by state; those carried forward and held back are among the known ones. */
function measureLocations(summary: RunSummary): Measurement[] {
  return [
    { value: summary.locations, attributes: { state: 'known' } },
    { value: summary.heldBack, attributes: { state: 'held_back' } },
    { value: summary.carriedForward, attributes: { state: 'carried_forward' } },
  ];
}

/** Repositories that were not looked at, by what spared it, with 0 for what spared none. */
function measureSpared({ spared }: RunSummary): Measurement[] {
  return SPARED_BY.map(by => ({ value: spared?.[by] ?? 0, attributes: { by } }));
}

/** How long ago the last event about each project came; there is no age where none ever did. */
function measureAges({ projects }: WebhookSummary, nowMs: number): Measurement[] {
  return projects.flatMap(({ projectKey: project, lastEventAtMs }) =>
    lastEventAtMs === undefined
      ? []
      : [{ value: Math.max(nowMs - lastEventAtMs, 0) / 1000, attributes: { project } }],
  );
}

/** Conflicts by kind, each once. */
function measureConflicts(conflicts: readonly Conflict[]): Measurement[] {
  const distinct = distinctConflicts(conflicts);
  return CONFLICT_KINDS.map(kind => ({
    value: distinct.filter(one => one.kind === kind).length,
    attributes: { kind },
  }));
}
