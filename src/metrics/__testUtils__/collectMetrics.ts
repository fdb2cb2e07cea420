/** An SDK that collects on demand, and what it collected in short. For tests. */

import { metrics } from '@opentelemetry/api';
import { DataPointType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';

type Attributes = Readonly<Record<string, unknown>>;

/** One number; of a histogram its sum. */
export interface Point {
  readonly name: string;
  readonly unit: string;
  readonly attributes: Attributes;
  readonly value: number;
  /** Of a histogram. */
  readonly count?: number;
}

/** What one collection yields. */
export interface Collected {
  readonly points: readonly Point[];
  /** What callbacks threw. */
  readonly errors: readonly unknown[];
  /** The only point with these attributes among others; `undefined` where there is none. */
  value(name: string, attributes?: Attributes): number | undefined;
  /** Of all points with these attributes; 0 where there are none. */
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

/** Makes an SDK the global one, in place of the one before. */
export function installMetrics(): TestMetrics {
  const reader = new OnDemandReader();
  const provider = new MeterProvider({ readers: [reader] });
  metrics.disable();
  metrics.setGlobalMeterProvider(provider);
  return {
    async collect() {
      const { resourceMetrics, errors } = await reader.collect();
      const points = resourceMetrics.scopeMetrics
        .flatMap(one => one.metrics)
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

/** Leaves no SDK installed. */
export function uninstallMetrics(): void {
  metrics.disable();
}

function lookup(points: readonly Point[]) {
  const matching = (name: string, wanted: Attributes) =>
    points.filter(
      one =>
        one.name === name &&
        Object.entries(wanted).every(([key, value]) => one.attributes[key] === value),
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
      matching(name, attributes).reduce((sum, one) => sum + one.value, 0),
  };
}
