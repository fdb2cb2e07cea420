/**
 * The table of all metrics and their instruments, which are created at the first use, through
 * the global API: without an SDK all of them do nothing.
 */

import { Meter, MeterProvider, metrics } from '@opentelemetry/api';

/** The instrumentation scope of all metrics. */
const METER_NAME = 'backstage-plugin-catalog-backend-module-bitbucket-server';

/** One metric. */
export interface MetricDefinition {
  readonly name: string;
  readonly kind: 'counter' | 'histogram' | 'gauge';
  /** In UCUM, as OpenTelemetry requires; counted things are in braces. */
  readonly unit: string;
  readonly description: string;
}

/** All metrics; `docs/metrics/README.md` describes them for operators. */
export const METRICS = {
  runs: {
    name: 'bitbucket_server.discovery.runs',
    kind: 'counter',
    unit: '{run}',
    description: 'Finished discovery runs, by result',
  },
  duration: {
    name: 'bitbucket_server.discovery.duration',
    kind: 'histogram',
    unit: 's',
    description: 'Duration of discovery runs, by result',
  },
  lastSuccessAge: {
    name: 'bitbucket_server.discovery.last_success_age',
    kind: 'gauge',
    unit: 's',
    description: 'Time since the last successful run, on any replica',
  },
  repositories: {
    name: 'bitbucket_server.repositories',
    kind: 'gauge',
    unit: '{repository}',
    description: 'Repositories by outcome and reason in the last run',
  },
  locations: {
    name: 'bitbucket_server.locations',
    kind: 'gauge',
    unit: '{location}',
    description:
      'Locations in the catalog after the last run, and those of them held back or carried forward',
  },
  spared: {
    name: 'bitbucket_server.spared',
    kind: 'gauge',
    unit: '{repository}',
    description: 'Repositories that the last run did not have to check, by cause',
  },
  conflicts: {
    name: 'bitbucket_server.conflicts',
    kind: 'gauge',
    unit: '{conflict}',
    description: 'Entities that both the provider and another source claim',
  },
  catalogErrors: {
    name: 'bitbucket_server.catalog_errors',
    kind: 'gauge',
    unit: '{repository}',
    description: 'Repositories with errors in the catalog',
  },
  requests: {
    name: 'bitbucket_server.requests',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests to Bitbucket, including retries, by status',
  },
  retries: {
    name: 'bitbucket_server.retries',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests to Bitbucket that repeated a failed one',
  },
  waitTime: {
    name: 'bitbucket_server.wait_time',
    kind: 'counter',
    unit: 's',
    description:
      'Time that requests waited for the limiter or before a retry, summed over all requests',
  },
  events: {
    name: 'bitbucket_server.events',
    kind: 'counter',
    unit: '{event}',
    description: 'Received events, by result',
  },
  webhookAge: {
    name: 'bitbucket_server.webhooks.last_event_age',
    kind: 'gauge',
    unit: 's',
    description: 'Time since the last event of a project arrived, on any replica',
  },
  silentProjects: {
    name: 'bitbucket_server.webhooks.silent_projects',
    kind: 'gauge',
    unit: '{project}',
    description: 'Projects with registered repositories that never sent an event',
  },
  unannouncedChanges: {
    name: 'bitbucket_server.webhooks.unannounced_changes',
    kind: 'gauge',
    unit: '{change}',
    description: 'Changes found by runs that no event had announced, so far',
  },
  configurationRefused: {
    name: 'bitbucket_server.configuration.refused',
    kind: 'gauge',
    unit: '{configuration}',
    description: '1 while a changed configuration is not in effect because it is invalid',
  },
  reads: {
    name: 'bitbucket_server.reads',
    kind: 'counter',
    unit: '{read}',
    description: 'Reads of files by the URL reader, by plugin and result',
  },
  budgetUnanswered: {
    name: 'bitbucket_server.budget.unanswered',
    kind: 'counter',
    unit: '{query}',
    description: 'Queries for the shared budget that the database did not answer in time',
  },
} as const satisfies Record<string, MetricDefinition>;

/** From a run that fails immediately to one that checks a large server. */
const DURATION_BOUNDARIES = [
  0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200,
];

/** The instruments of one meter. */
export type Instruments = ReturnType<typeof createInstruments>;

const byProvider = new WeakMap<MeterProvider, Instruments>();

/**
 * Returns the instruments of the SDK that is currently installed.
 *
 * @remarks The global API has no proxy that forwards to an SDK installed later, so a caller
 * must not keep the result beyond one measurement.
 */
export function instruments(): Instruments {
  const provider = metrics.getMeterProvider();
  const known = byProvider.get(provider);
  if (known) {
    return known;
  }
  const created = createInstruments(provider.getMeter(METER_NAME));
  byProvider.set(provider, created);
  return created;
}

function createInstruments(meter: Meter) {
  const counter = ({ name, ...options }: MetricDefinition) =>
    meter.createCounter(name, options);
  const gauge = ({ name, ...options }: MetricDefinition) =>
    meter.createObservableGauge(name, options);
  const { name, ...options } = METRICS.duration;
  return {
    meter,
    runs: counter(METRICS.runs),
    duration: meter.createHistogram(name, {
      ...options,
      advice: { explicitBucketBoundaries: DURATION_BOUNDARIES },
    }),
    lastSuccessAge: gauge(METRICS.lastSuccessAge),
    repositories: gauge(METRICS.repositories),
    locations: gauge(METRICS.locations),
    spared: gauge(METRICS.spared),
    conflicts: gauge(METRICS.conflicts),
    catalogErrors: gauge(METRICS.catalogErrors),
    requests: counter(METRICS.requests),
    retries: counter(METRICS.retries),
    waitTime: counter(METRICS.waitTime),
    events: counter(METRICS.events),
    configurationRefused: gauge(METRICS.configurationRefused),
    webhookAge: gauge(METRICS.webhookAge),
    silentProjects: gauge(METRICS.silentProjects),
    unannouncedChanges: gauge(METRICS.unannouncedChanges),
    reads: counter(METRICS.reads),
    budgetUnanswered: counter(METRICS.budgetUnanswered),
  };
}
