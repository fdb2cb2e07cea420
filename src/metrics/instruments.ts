/**
 * What is measured: the table of all metrics and the instruments that measure. They are
 * made when first needed, through the global API: without an SDK all of them do nothing.
 */

import { Meter, MeterProvider, metrics } from '@opentelemetry/api';

/** The instrumentation scope of all metrics. */
const METER_NAME = 'backstage-plugin-catalog-backend-module-bitbucket-server';

/** One metric. */
export interface MetricDefinition {
  readonly name: string;
  readonly kind: 'counter' | 'histogram' | 'gauge';
  /** In UCUM, as OpenTelemetry wants it; what is counted stands in braces. */
  readonly unit: string;
  readonly description: string;
}

/** All metrics; `docs/metrics/README.md` describes them for those who read them. */
export const METRICS = {
  runs: {
    name: 'bitbucket_server.discovery.runs',
    kind: 'counter',
    unit: '{run}',
    description: 'Discovery runs that have ended, by how they ended',
  },
  duration: {
    name: 'bitbucket_server.discovery.duration',
    kind: 'histogram',
    unit: 's',
    description: 'How long discovery runs took, by how they ended',
  },
  lastSuccessAge: {
    name: 'bitbucket_server.discovery.last_success_age',
    kind: 'gauge',
    unit: 's',
    description: 'Time since a discovery run last ended with success, on any replica',
  },
  repositories: {
    name: 'bitbucket_server.repositories',
    kind: 'gauge',
    unit: '{repository}',
    description: 'Repositories by how they ended the last run',
  },
  locations: {
    name: 'bitbucket_server.locations',
    kind: 'gauge',
    unit: '{location}',
    description:
      'Locations in the catalog after the last run, and how many of them stay for now',
  },
  spared: {
    name: 'bitbucket_server.spared',
    kind: 'gauge',
    unit: '{repository}',
    description:
      'Repositories that the last run did not have to look at, by what spared it',
  },
  conflicts: {
    name: 'bitbucket_server.conflicts',
    kind: 'gauge',
    unit: '{conflict}',
    description: 'Entities that the provider and another side claim',
  },
  catalogErrors: {
    name: 'bitbucket_server.catalog_errors',
    kind: 'gauge',
    unit: '{repository}',
    description: 'Repositories of which the catalog could not use something',
  },
  requests: {
    name: 'bitbucket_server.requests',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests to Bitbucket, retries included, by what they ended with',
  },
  retries: {
    name: 'bitbucket_server.retries',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests to Bitbucket that repeated one that failed',
  },
  waitTime: {
    name: 'bitbucket_server.wait_time',
    kind: 'counter',
    unit: 's',
    description:
      'Time requests waited for the limiter or before a retry, over all requests',
  },
  events: {
    name: 'bitbucket_server.events',
    kind: 'counter',
    unit: '{event}',
    description: 'Webhooks and what they led to, by what became of them',
  },
  webhookAge: {
    name: 'bitbucket_server.webhooks.last_event_age',
    kind: 'gauge',
    unit: 's',
    description: 'Time since the last event about a project came, on any replica',
  },
  silentProjects: {
    name: 'bitbucket_server.webhooks.silent_projects',
    kind: 'gauge',
    unit: '{project}',
    description: 'Projects with registered repositories about which no event ever came',
  },
  unannouncedChanges: {
    name: 'bitbucket_server.webhooks.unannounced_changes',
    kind: 'gauge',
    unit: '{change}',
    description: 'Changes that runs have found and no event had announced, so far',
  },
  configurationRefused: {
    name: 'bitbucket_server.configuration.refused',
    kind: 'gauge',
    unit: '{configuration}',
    description:
      'Whether a changed configuration is not in effect because it cannot work',
  },
  reads: {
    name: 'bitbucket_server.reads',
    kind: 'counter',
    unit: '{read}',
    description: 'Reads of files by the URL reader, by plugin and by how they ended',
  },
  budgetUnanswered: {
    name: 'bitbucket_server.budget.unanswered',
    kind: 'counter',
    unit: '{question}',
    description:
      'Questions to the database for the budget that replicas share, without an answer in time',
  },
} as const satisfies Record<string, MetricDefinition>;

/** From a run that fails at once to one that walks through a large server. */
const DURATION_BOUNDARIES = [
  0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200,
];

/** The instruments of one meter. */
export type Instruments = ReturnType<typeof createInstruments>;

const made = new WeakMap<MeterProvider, Instruments>();

/**
 * The instruments of the SDK that is installed now.
 *
 * @remarks The global API has no stand-in that passes on to an SDK that comes later, so
 * a caller must not keep what this returns beyond one measurement.
 */
export function instruments(): Instruments {
  const provider = metrics.getMeterProvider();
  const known = made.get(provider);
  if (known) {
    return known;
  }
  const created = createInstruments(provider.getMeter(METER_NAME));
  made.set(provider, created);
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
