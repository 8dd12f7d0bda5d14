/** What the shipped runbook and alert of the tool time-out spiral say of metrics as they come from a guard. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { diagnose } from '../engine/index.ts';
import { systemClock, TestClock } from '../kernel/index.ts';
import { parseRuleFile, SampleWindow, WindowSource } from '../metrics/index.ts';
import { readRunbook, readTextFile } from './read-runbooks.ts';

const LIBRARY = fileURLToPath(new URL('../../runbooks', import.meta.url));
const SECONDS = 30;

/** Calls of one tool a second, by how they ended, and how many of them were made before. */
interface ToolRates {
  readonly [outcome: string]: number | undefined;
  readonly retries?: number;
  /** What each call takes, in seconds. */
  readonly seconds?: number;
}

/** A guard over the last half minute. */
interface Traffic {
  readonly tools: Readonly<Record<string, ToolRates>>;
  readonly handshakesWaiting?: number;
}

function sourceOf({ tools, handshakesWaiting = 0 }: Traffic, clock: TestClock): WindowSource {
  const window = new SampleWindow();
  const start = clock.now() - SECONDS * 1000;
  for (let second = 0; second <= SECONDS; second++) {
    const put = (name: string, labels: Record<string, string>, value: number) =>
      window.append({ __name__: name, job: 'mcp-guard', ...labels }, start + second * 1000, value);
    put('mcp_initialize_queue_depth', {}, handshakesWaiting);
    for (const [tool, { retries = 0, seconds = 0.1, ...outcomes }] of Object.entries(tools)) {
      const all = Object.values(outcomes).reduce<number>((sum, rate) => sum + (rate ?? 0), 0);
      for (const outcome of ['ok', 'error', 'cancelled', 'timeout', 'rejected_breaker', 'rejected_busy']) {
        put('mcp_tool_calls_total', { tool, outcome }, second * (outcomes[outcome] ?? 0));
      }
      put('mcp_tool_retries_total', { tool }, second * retries);
      put('mcp_tool_inflight', { tool }, all * seconds);
      const labels = { mcp_method_name: 'tools/call', gen_ai_tool_name: tool };
      for (const le of [0.1, 0.2, 0.5, 1, 2, 5]) {
        const bucket = { ...labels, le: String(le) };
        put('mcp_server_operation_duration_seconds_bucket', bucket, seconds <= le ? second * all : 0);
      }
      put('mcp_server_operation_duration_seconds_bucket', { ...labels, le: '+Inf' }, second * all);
    }
  }
  return new WindowSource(window, { clock });
}

async function verdictOn(traffic: Traffic) {
  const clock = new TestClock();
  const runbook = await readRunbook('tool-timeout-spiral.md', LIBRARY);
  const { verdict, readings } = await diagnose(runbook, {
    clock: systemClock,
    cwd: LIBRARY,
    env: {},
    hosts: [],
    metrics: sourceOf(traffic, clock),
    secrets: [],
    sampleSeconds: 1,
  });
  expect(readings.filter(({ judgement }) => judgement === 'error')).toEqual([]);
  return verdict;
}

/** The tools for which the alert's expression holds. */
async function alertedTools(traffic: Traffic): Promise<(string | undefined)[]> {
  const file = join(LIBRARY, 'alerts.yaml');
  const rule = parseRuleFile(await readTextFile(file, LIBRARY), file)
    .flatMap(({ rules }) => rules)
    .find(({ name }) => name === 'McpToolTimeoutSpiral');
  const clock = new TestClock();
  const found = await sourceOf(traffic, clock).query(rule!.expr);
  return found.type === 'vector' ? found.samples.map(({ labels }) => labels['tool']) : [];
}

const lookup: ToolRates = { ok: 30, seconds: 0.01 };
const spiral: ToolRates = { cancelled: 95, ok: 1, retries: 90, seconds: 3 };

describe('the tool time-out spiral', () => {
  it('is confirmed when the calls of one tool are given up and made again, and its alert names that tool', async () => {
    const traffic = { tools: { lookup, search: spiral } };
    expect(await verdictOn(traffic)).toBe('confirmed');
    expect(await alertedTools(traffic)).toEqual(['search']);
  });

  it('is confirmed behind a guard that has a deadline, too', async () => {
    const traffic = { tools: { lookup, search: { timeout: 60, retries: 50, seconds: 2 } } };
    expect(await verdictOn(traffic)).toBe('confirmed');
    expect(await alertedTools(traffic)).toEqual(['search']);
  });

  it.each<[string, Traffic]>([
    ['no tool was called', { tools: {} }],
    ['tools are called and answer', { tools: { lookup, search: { ok: 30, cancelled: 0.3, retries: 0.3 } } }],
    ['a tool was called once, long ago', { tools: { search: {} } }],
    [
      'people cancel a slow tool, and do not repeat it',
      { tools: { report: { ok: 2, cancelled: 8, seconds: 5 } } },
    ],
    [
      'calls are refused for their token and made again',
      { tools: { lookup: { error: 50, ok: 2, retries: 45 } } },
    ],
    ['the whole server is late, and sessions too', { tools: { search: spiral }, handshakesWaiting: 700 }],
    [
      'one caller leaves a tool that hardly anybody calls',
      { tools: { rare: { cancelled: 0.1, retries: 0.1 } } },
    ],
  ])('is ruled out when %s', async (_, traffic) => {
    expect(await verdictOn(traffic)).toBe('ruled-out');
  });

  it.each<[string, Traffic]>([
    ['a handful of calls', { tools: { search: { cancelled: 0.8, retries: 0.8, seconds: 3 } } }],
    [
      'calls that the guard holds back',
      { tools: { search: { rejected_breaker: 200, timeout: 0.3, retries: 190 } } },
    ],
    [
      'calls that people cancel and do not repeat',
      { tools: { report: { ok: 2, cancelled: 8, seconds: 5 } } },
    ],
  ])('raises no alert for %s', async (_, traffic) => {
    expect(await alertedTools(traffic)).toEqual([]);
  });
});
