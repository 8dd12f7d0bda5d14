/** What the shipped runbook and alerts say of systems that are healthy, ill, and ill of something else. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { diagnose } from '../../engine/index.ts';
import { TestClock } from '../../kernel/index.ts';
import {
  parseExposition,
  parseRuleFile,
  RuleEvaluator,
  SampleWindow,
  WindowSource,
} from '../../metrics/index.ts';
import { parseRunbook } from '../../runbook/index.ts';

const library = fileURLToPath(new URL('../../../runbooks', import.meta.url));
const runbook = parseRunbook(readFileSync(`${library}/token-refresh-cascade.md`, 'utf8'), library);
const groups = parseRuleFile(readFileSync(`${library}/alerts.yaml`, 'utf8'), 'alerts.yaml');
const OUTCOMES = ['ok', 'invalid_grant', 'throttled', 'error', 'rejected', 'abandoned'];

interface Traffic {
  /** Refreshes a second by outcome. */
  readonly refreshes?: Readonly<Record<string, number>>;
  /** Calls a second by `error_type`. */
  readonly calls?: Readonly<Record<string, number>>;
  readonly refreshSeconds?: number;
  readonly expiring?: {
    readonly soon: number;
    readonly known: number;
    readonly peak: number;
    readonly inSeconds: number;
  };
}

/** The guard's page after so many seconds of that traffic. */
function page(
  { refreshes = {}, calls = {}, refreshSeconds = 0.05, expiring }: Traffic,
  seconds: number,
): string {
  const all = Object.values(refreshes).reduce((sum, one) => sum + one, 0) * seconds;
  return [
    ...OUTCOMES.map((one) => `mcp_token_refresh_total{outcome="${one}"} ${(refreshes[one] ?? 0) * seconds}`),
    ...[0.1, 1, 10].map(
      (le) => `mcp_token_refresh_duration_seconds_bucket{le="${le}"} ${refreshSeconds <= le ? all : 0}`,
    ),
    `mcp_token_refresh_duration_seconds_bucket{le="+Inf"} ${all}`,
    ...Object.entries(calls).map(
      ([error, rate]) =>
        `mcp_server_operation_duration_seconds_count{error_type="${error}"} ${rate * seconds}`,
    ),
    `mcp_access_tokens_expiring{le="60"} ${expiring?.soon ?? 0}`,
    `mcp_access_tokens_expiring{le="+Inf"} ${expiring?.known ?? 0}`,
    `mcp_access_tokens_expiring_peak ${expiring?.peak ?? 0}`,
    `mcp_access_tokens_expiring_peak_in_seconds ${expiring?.inSeconds ?? 0}`,
  ].join('\n');
}

/** Watches a minute of what `pageAt` shows; the verdict at its end, and the alerts that fired. */
async function watch(pageAt: (seconds: number) => string) {
  const clock = new TestClock();
  const window = new SampleWindow();
  const fired = new Set<string>();
  const evaluator = new RuleEvaluator({
    groups,
    window,
    clock,
    onAlerts: (batch) => {
      for (const { status, labels } of batch) if (status === 'firing') fired.add(labels['alertname'] ?? '');
    },
  });
  for (let second = 0; second < 60; second++) {
    await clock.advance(1000);
    for (const { labels, value } of parseExposition(pageAt(second)).samples) {
      window.append({ ...labels, job: 'mcp-guard', instance: 'guard' }, clock.now(), value);
    }
    await evaluator.evaluateOnce();
  }
  const verdict = await diagnose(runbook, {
    clock,
    cwd: library,
    env: {},
    hosts: [],
    metrics: new WindowSource(window, { clock }),
    secrets: [],
    sampleSeconds: 1,
  });
  return {
    verdict: verdict.verdict,
    undecided: verdict.readings.filter(({ judgement }) => judgement === 'error').map(({ check }) => check),
    alerts: [...fired],
  };
}

const of = (traffic: Traffic) => watch((seconds) => page(traffic, seconds));

describe('the runbook of the token refresh cascade', () => {
  it.each<[string, Traffic]>([
    ['nothing goes through the guard', {}],
    ['no refresh passes it', { calls: { '': 100 } }],
    ['refreshes succeed', { calls: { '': 100 }, refreshes: { ok: 5 } }],
    ['a stampede is coalesced', { calls: { '': 100, '401': 60 }, refreshes: { ok: 60 } }],
    [
      'now and then a refresh token dies of age',
      { calls: { '': 100 }, refreshes: { ok: 0.2, invalid_grant: 0.1 } },
    ],
    [
      'the authorization server is down',
      { calls: { '401': 50 }, refreshes: { error: 20 }, refreshSeconds: 5 },
    ],
    [
      'clients give up waiting for it',
      { calls: { '401': 50 }, refreshes: { abandoned: 20 }, refreshSeconds: 9 },
    ],
    ['a storm of handshakes fails', { calls: { '404': 300, '503': 300 } }],
    ['a tool times out', { calls: { '': 5, '504': 200, tool_error: 20 } }],
  ])('is ruled out, and nothing fires, when %s', async (_, traffic) => {
    expect(await of(traffic)).toEqual({ verdict: 'ruled-out', undecided: [], alerts: [] });
  });

  it('is ruled out by what any other page shows', async () => {
    expect(await watch(() => 'process_cpu_seconds_total 1')).toEqual({
      verdict: 'ruled-out',
      undecided: [],
      alerts: [],
    });
  });

  it.each<[string, Traffic]>([
    [
      'clients use up their own refresh tokens',
      { calls: { '401': 60 }, refreshes: { ok: 5, invalid_grant: 30 } },
    ],
    [
      'the server turns them away',
      { calls: { '401': 60 }, refreshes: { ok: 10, throttled: 40 }, refreshSeconds: 9 },
    ],
  ])('is confirmed, and the alert fires, when %s', async (_, traffic) => {
    expect(await of(traffic)).toEqual({
      verdict: 'confirmed',
      undecided: [],
      alerts: ['McpTokenRefreshCascade'],
    });
  });
});

describe('the early warning of an expiry cliff', () => {
  const cliff = { soon: 0, known: 300, peak: 280, inSeconds: 600 };

  it('comes while nothing fails', async () => {
    const seen = await of({ calls: { '': 50 }, refreshes: { ok: 1 }, expiring: cliff });
    expect(seen).toEqual({ verdict: 'ruled-out', undecided: [], alerts: ['McpTokenExpiryCliff'] });
  });

  it.each([
    ['expiries are spread', { ...cliff, peak: 60 }],
    ['few tokens are known', { ...cliff, known: 12, peak: 12 }],
    ['it is hours away', { ...cliff, inSeconds: 7200 }],
    ['tokens live for seconds only', { soon: 300, known: 300, peak: 300, inSeconds: 0 }],
  ])('does not come when %s', async (_, expiring) => {
    expect((await of({ calls: { '': 50 }, expiring })).alerts).toEqual([]);
  });
});
