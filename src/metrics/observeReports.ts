/**
 * The gauges: read from the stored report whenever metrics are collected, so that every
 * replica shows the same values, whichever replica ran last; and the gauge of an invalid
 * configuration in this process, which reads its own configuration.
 */

import {
  BatchObservableResult,
  ObservableGauge,
  ObservableResult,
} from '@opentelemetry/api';
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

/** Minimum time between two warnings: metrics are collected every few seconds. */
const WARN_INTERVAL_MS = 600_000;

/**
 * Minimum time between two counts of errors: a count reads the state of all files of a provider
 * in the catalog, which takes the database seconds with 100,000 files.
 */
const ERRORS_INTERVAL_MS = 60_000;

/** Options for {@link observeReports}. */
interface ObserveReportsOptions {
  readonly reports: Pick<DiscoveryReport, 'loadDiscoveries'>;
  /** `undefined` if conflicts are not measured. */
  readonly conflicts?: Pick<ConflictReporter, 'of'>;
  /** `undefined` if errors of the catalog are not measured. */
  readonly inCatalog?: Pick<CatalogReporter, 'failing'>;
  readonly webhooks?: Pick<WebhookStore, 'load'>;
  /** The configured providers: stored data of any other one is outdated. */
  readonly providerIds: readonly string[];
  readonly logger: Pick<LoggerService, 'warn'>;
  readonly clock: Pick<Clock, 'now'>;
  /** Stops the measurements. */
  readonly signal: AbortSignal;
}

/** Measures the gauges with each collection until the signal aborts. */
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

/** Measures the gauges; never throws. */
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
        const observeAll = (gauge: ObservableGauge, values: readonly Measurement[]) =>
          values.forEach(value => observe(gauge, value));
        observeAll(repositories, measureRepositories(lastRun.summary));
        observeAll(locations, measureLocations(lastRun.summary));
        observeAll(spared, measureSpared(lastRun.summary));
        observeAll(conflicts, await this.#measureConflicts(providerId));
        observeAll(catalogErrors, await this.#measureErrors(providerId));
        const webhooks = await this.#measureWebhooks(providerId);
        webhooks.forEach(([gauge, value]) => observe(gauge, value));
      }
    }
    this.#measureAges(result);
  }

  /**
   * Measures the ages, which continue to grow while the store cannot be read: an SDK exports the
   * last value of a gauge that is not measured, and a constant age would hide the failure.
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
      return disputed
        ? measureConflicts(disputed.flatMap(report => report.conflicts))
        : [];
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
        ...measureAges(summary, clock.now()).map(age => [webhookAge, age] as const),
      ];
    });
  }

  #load(): Promise<StoredDiscovery[]> {
    const { reports, providerIds } = this.options;
    return this.#orNothing(async () =>
      (await reports.loadDiscoveries()).filter(discovery =>
        providerIds.includes(discovery.providerId),
      ),
    );
  }

  /** @returns an empty list if the store cannot be read */
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

/** A value with its attributes. */
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
 * Counts repositories by outcome and reason.
 *
 * @remarks Reasons without repositories are measured as 0: an SDK keeps exporting the last
 * value of a gauge that is no longer measured.
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

/** Counts Locations by state; the known ones include those carried forward and held back. */
function measureLocations(summary: RunSummary): Measurement[] {
  return [
    { value: summary.locations, attributes: { state: 'known' } },
    { value: summary.heldBack, attributes: { state: 'held_back' } },
    { value: summary.carriedForward, attributes: { state: 'carried_forward' } },
  ];
}

/** Counts unchecked repositories by what made the check unnecessary, including zeros. */
function measureSpared({ spared }: RunSummary): Measurement[] {
  return SPARED_BY.map(by => ({ value: spared?.[by] ?? 0, attributes: { by } }));
}

/** Returns the age of the last event about each project; none for projects without any. */
function measureAges({ projects }: WebhookSummary, nowMs: number): Measurement[] {
  return projects.flatMap(({ projectKey: project, lastEventAtMs }) =>
    lastEventAtMs === undefined
      ? []
      : [{ value: Math.max(nowMs - lastEventAtMs, 0) / 1000, attributes: { project } }],
  );
}

/** Counts distinct conflicts by kind. */
function measureConflicts(conflicts: readonly Conflict[]): Measurement[] {
  const distinct = distinctConflicts(conflicts);
  return CONFLICT_KINDS.map(kind => ({
    value: distinct.filter(conflict => conflict.kind === kind).length,
    attributes: { kind },
  }));
}

/** Measures the gauge with each collection until the signal aborts. */
export function observeConfiguration({
  isRefused,
  signal,
}: {
  /** Whether a changed configuration is invalid, so that the previous one is still in effect. */
  readonly isRefused: () => boolean;
  readonly signal: AbortSignal;
}): void {
  if (signal.aborted) {
    return;
  }
  const { configurationRefused } = instruments();
  const callback = (result: ObservableResult) => result.observe(isRefused() ? 1 : 0);
  configurationRefused.addCallback(callback);
  onAbort(signal, () => configurationRefused.removeCallback(callback));
}
