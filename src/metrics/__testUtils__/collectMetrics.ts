/** An SDK that collects metrics on demand, with a short form of the result. For tests. */

import { metrics } from '@opentelemetry/api';
import { DataPointType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';

type Attributes = Readonly<Record<string, unknown>>;

/** One data point. */
export interface Point {
  readonly name: string;
  readonly unit: string;
  readonly attributes: Attributes;
  /** For a histogram, its sum. */
  readonly value: number;
  /** Only for a histogram. */
  readonly count?: number;
}

/** The result of one collection. */
export interface Collected {
  readonly points: readonly Point[];
  /** Errors that callbacks threw. */
  readonly errors: readonly unknown[];
  /** Value of the only point with at least these attributes; `undefined` if there is none. */
  value(name: string, attributes?: Attributes): number | undefined;
  /** Sum of all points with at least these attributes; 0 if there are none. */
  total(name: string, attributes?: Attributes): number;
}

/** An installed SDK. */
export interface TestMetrics {
  collect(): Promise<Collected>;
}

class OnDemandReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

/** Installs a new SDK as the global one, in place of the previous one. */
export function installMetrics(): TestMetrics {
  const reader = new OnDemandReader();
  const provider = new MeterProvider({ readers: [reader] });
  metrics.disable();
  metrics.setGlobalMeterProvider(provider);
  return {
    async collect() {
      const { resourceMetrics, errors } = await reader.collect();
      const points = resourceMetrics.scopeMetrics
        .flatMap(scope => scope.metrics)
        .flatMap(({ descriptor: { name, unit }, ...data }): Point[] =>
          data.dataPointType === DataPointType.HISTOGRAM
            ? data.dataPoints.map(({ attributes, value: { sum = 0, count } }) => ({
                ...{ name, unit, attributes },
                ...{ value: sum, count },
              }))
            : data.dataPoints.flatMap(({ attributes, value }) =>
                typeof value === 'number' ? [{ name, unit, attributes, value }] : [],
              ),
        );
      return { points, errors, ...lookup(points) };
    },
  };
}

/** Removes the global SDK. */
export function uninstallMetrics(): void {
  metrics.disable();
}

function lookup(points: readonly Point[]) {
  const matching = (name: string, wanted: Attributes) =>
    points.filter(
      point =>
        point.name === name &&
        Object.entries(wanted).every(([key, value]) => point.attributes[key] === value),
    );
  return {
    value(name: string, attributes: Attributes = {}) {
      const found = matching(name, attributes);
      if (found.length > 1) {
        throw new Error(`${found.length} points of ${name} fit`);
      }
      return found[0]?.value;
    },
    total: (name: string, attributes: Attributes = {}) =>
      matching(name, attributes).reduce((sum, point) => sum + point.value, 0),
  };
}
