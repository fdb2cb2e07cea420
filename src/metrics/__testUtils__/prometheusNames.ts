/**
 * What metrics are called in Prometheus, by the two ways that lead there. For tests.
 *
 * @remarks The exporter for Node.js (`@opentelemetry/exporter-prometheus`) leaves the unit
 * out of the name; the Collector and the receiver in Prometheus itself put it in.
 */

import { MetricDefinition, METRICS } from '../instruments';

/** All names of one metric. */
export interface PrometheusNames {
  readonly metric: string;
  readonly exporter: readonly string[];
  readonly otlp: readonly string[];
}

export const PROMETHEUS_NAMES: readonly PrometheusNames[] = Object.values(METRICS).map(
  (metric: MetricDefinition) => {
    const base = metric.name.replaceAll('.', '_');
    return {
      metric: metric.name,
      exporter: series(metric, base),
      otlp: series(metric, metric.unit === 's' ? `${base}_seconds` : base),
    };
  },
);

function series({ kind }: MetricDefinition, base: string): string[] {
  switch (kind) {
    case 'counter':
      return [`${base}_total`];
    case 'histogram':
      return ['bucket', 'sum', 'count'].map(part => `${base}_${part}`);
    default:
      return [base];
  }
}

/** Names in a query as Prometheus sees them, `a(_seconds)?` being one that fits either way. */
export function namesInQuery(query: string): string[] {
  return query.match(/\bbitbucket_server_[a-z_]+(?:\(_seconds\)\?[a-z_]*)?/g) ?? [];
}

/** The metric that a name in a query belongs to, whichever way it came to Prometheus. */
export function findMetric(name: string): string | undefined {
  const [without, withUnit] = ['', '_seconds'].map(unit =>
    name.replace('(_seconds)?', unit),
  );
  return PROMETHEUS_NAMES.find(
    ({ exporter, otlp }) =>
      exporter.some(candidate => candidate === without) &&
      otlp.some(candidate => candidate === withUnit),
  )?.metric;
}
