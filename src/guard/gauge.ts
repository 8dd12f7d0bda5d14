/** Gauges that are read from the policy when they are scraped. */
import { Gauge, type Registry } from 'prom-client';

/** A gauge whose series are all set anew at every scrape. */
export function gauge(
  registry: Registry,
  name: string,
  help: string,
  read: (set: (labels: Record<string, string>, value: number) => void) => void,
  labelNames: readonly string[] = [],
): void {
  const one = new Gauge({
    name,
    help,
    labelNames,
    registers: [],
    collect() {
      this.reset();
      read((labels, value) => this.set(labels, value));
    },
  });
  registry.registerMetric(one);
}
