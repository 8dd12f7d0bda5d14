/** The metrics of tool calls. The policy counts; here its counts are read when they are scraped. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { BreakerState } from './policy/breaker.ts';
import type { ToolCounts } from './policy/tool-counts.ts';
import { toolOutcomes } from './policy/tool-outcome.ts';
import type { Tools } from './policy/tools.ts';

const STATE_NUMBERS: Record<BreakerState, number> = { closed: 0, 'half-open': 1, open: 2 };

export function toolMetrics(tools: Tools, registry: Registry): void {
  const each = (read: (counts: ToolCounts) => void) => {
    for (const counts of tools.counts()) read(counts);
  };
  counter(
    registry,
    'mcp_tool_calls_total',
    'Tool calls by how they ended: ok, tool_error (isError), error, timeout (the guard gave up), cancelled (the client did), rejected_breaker, rejected_busy, rejected_retry (by the guard; not made).',
    ['tool', 'outcome'],
    (inc) =>
      each(({ label: tool, ended }) =>
        toolOutcomes.forEach((outcome) => inc({ tool, outcome }, ended[outcome])),
      ),
  );
  counter(
    registry,
    'mcp_tool_timeouts_total',
    'Tool calls that somebody gave up waiting for: the guard at its deadline, or the client, which cancelled or left.',
    ['tool', 'by'],
    (inc) =>
      each(({ label: tool, timeouts }) => {
        inc({ tool, by: 'guard' }, timeouts.guard);
        inc({ tool, by: 'client' }, timeouts.client);
      }),
  );
  counter(
    registry,
    'mcp_tool_retries_total',
    'Tool calls made again within 2 minutes of one that did not succeed, or while it runs: same caller, tool and arguments; refused ones included.',
    ['tool'],
    (inc) => each(({ label: tool, retries }) => inc({ tool }, retries)),
  );
  gauge(registry, 'mcp_tool_inflight', 'Tool calls in progress at the server.', (set) =>
    each(({ label: tool, inflight }) => set(tool, inflight)),
  );
  gauge(
    registry,
    'mcp_tool_breaker_state',
    'The breaker of each tool: 0 closed, 1 half-open (probing), 2 open. Of tools that share a label, the highest.',
    (set) => {
      for (const [tool, state] of highestStates(tools)) set(tool, state);
    },
  );
}

function highestStates(tools: Tools): ReadonlyMap<string, number> {
  const highest = new Map<string, number>();
  for (const { label } of tools.counts()) highest.set(label, 0);
  for (const { label, state } of tools.breakers()) {
    highest.set(label, Math.max(highest.get(label) ?? 0, STATE_NUMBERS[state]));
  }
  return highest;
}

/** A counter whose series are all set anew, from counts that only grow, at every scrape. */
function counter<Label extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly Label[],
  read: (inc: (labels: Record<Label, string>, value: number) => void) => void,
): void {
  const one = new Counter({
    name,
    help,
    labelNames,
    registers: [],
    collect() {
      this.reset();
      read((labels, value) => this.inc(labels, value));
    },
  });
  registry.registerMetric(one);
}

function gauge(
  registry: Registry,
  name: string,
  help: string,
  read: (set: (tool: string, value: number) => void) => void,
): void {
  const one = new Gauge({
    name,
    help,
    labelNames: ['tool'],
    registers: [],
    collect() {
      this.reset();
      read((tool, value) => this.set({ tool }, value));
    },
  });
  registry.registerMetric(one);
}
