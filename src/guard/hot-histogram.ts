/**
 * A histogram for what happens at every request. A series is found once and then observed by itself, where
 * prom-client checks and hashes the labels each time, which costs as much as all the rest of counting.
 */
import type { Metric, Registry } from 'prom-client';

export interface HotHistogramOptions<Label extends string> {
  readonly name: string;
  readonly help: string;
  /** Upper bounds, ascending, +Inf aside. */
  readonly buckets: readonly number[];
  readonly labelNames: readonly Label[];
  readonly registry: Registry;
}

/** One combination of labels. */
export class HotSeries {
  readonly #bounds: readonly number[];
  /** Observations by the first bound that they do not exceed; those beyond all come last. */
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let index = 0;
    while (index < this.#bounds.length && value > this.#bounds[index]!) index += 1;
    this.#counts[index]! += 1;
    this.#sum += value;
  }

  /** The samples of the exposition: cumulative buckets, sum, count. */
  samples(name: string, labels: Readonly<Record<string, string>>): readonly Sample[] {
    let count = 0;
    const samples: Sample[] = [];
    this.#counts.forEach((observations, index) => {
      count += observations;
      const le = this.#bounds[index] ?? '+Inf';
      samples.push({ metricName: `${name}_bucket`, labels: { le, ...labels }, value: count });
    });
    samples.push({ metricName: `${name}_sum`, labels, value: this.#sum });
    samples.push({ metricName: `${name}_count`, labels, value: count });
    return samples;
  }
}

interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

export class HotHistogram<Label extends string> {
  readonly #bounds: readonly number[];
  readonly #series: { readonly labels: Readonly<Record<Label, string>>; readonly series: HotSeries }[] = [];

  constructor({ name, help, buckets, labelNames, registry }: HotHistogramOptions<Label>) {
    this.#bounds = buckets;
    // What a registry asks of a metric; its type only knows prom-client's own classes.
    const metric = {
      name,
      help,
      type: 'histogram',
      aggregator: 'sum',
      labelNames,
      get: () =>
        Promise.resolve({ name, help, type: 'histogram', aggregator: 'sum', values: this.#samples(name) }),
    };
    registry.registerMetric(metric as unknown as Metric);
  }

  /** Makes a series; the caller keeps it, makes each once, and bounds their number. */
  series(labels: Readonly<Record<Label, string>>): HotSeries {
    const series = new HotSeries(this.#bounds);
    this.#series.push({ labels, series });
    return series;
  }

  #samples(name: string): readonly Sample[] {
    return this.#series.flatMap(({ labels, series }) => series.samples(name, labels));
  }
}
