/** The metrics of shared results. The policy counts; here its counts are read when they are scraped. */
import { Counter, Gauge, type Registry } from 'prom-client';
import { type Sharing, sharingOutcomes } from './policy/sharing.ts';

export function cacheMetrics({ results, counts }: Sharing, registry: Registry): void {
  registry.registerMetric(
    new Counter({
      name: 'mcp_cache_requests_total',
      help: `Requests whose result may be shared, by how they were answered: ${sharingOutcomes.join(', ')}.`,
      labelNames: ['mcp_method_name', 'result'],
      registers: [],
      collect() {
        this.reset();
        for (const [mcp_method_name, outcomes] of counts) {
          for (const result of sharingOutcomes) {
            this.inc({ mcp_method_name, result }, outcomes.get(result) ?? 0);
          }
        }
      },
    }),
  );
  gauge(
    registry,
    'mcp_cache_entries',
    'Public results that are kept, stale ones included.',
    () => results.size,
  );
  gauge(registry, 'mcp_cache_bytes', 'Bytes that they take, estimated from above.', () => results.bytes);
}

function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  const one = new Gauge({
    name,
    help,
    registers: [],
    collect() {
      this.set(read());
    },
  });
  registry.registerMetric(one);
}
