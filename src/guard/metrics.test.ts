import { expect, test } from 'vitest';
import { TestClock } from '../kernel/index.ts';
import { GuardMetrics, type Watched } from './metrics.ts';
import { LeverBoard } from './policy/levers.ts';
import { SessionTable } from './policy/sessions.ts';
import { ExpiryCalendar } from './policy/token-expiry.ts';
import { Tools } from './policy/tools.ts';
import { UpstreamSet } from './policy/upstreams.ts';

const NO_SESSIONS = { maxEntries: 1, idleSeconds: 1, activeSeconds: 1, maxLost: 1, lostSeconds: 1 };

function watched(): Watched {
  const clock = new TestClock();
  const levers = new LeverBoard(clock, { UPSTREAMS: 'http://a' }, () => {});
  return {
    levers,
    sessions: new SessionTable(clock, NO_SESSIONS),
    upstreams: new UpstreamSet(clock),
    listLevers: () => levers.list(),
    tools: new Tools(
      clock,
      Math.random,
      (tool) => levers.values.tool(tool),
      () => {},
    ),
    pendingInitializes: () => 0,
    openStreams: () => 0,
    sharing: null,
    tokens: new ExpiryCalendar(clock),
    auth: null,
  };
}

test('operations are all counted, in a bounded number of series, whatever tools, errors and versions come', async () => {
  const metrics = new GuardMetrics(watched());
  let told = 0;
  for (let tool = 0; tool < 150; tool++) {
    for (let status = 400; status < 450; status++) {
      for (const version of ['2025-06-18', '2026-07-28']) {
        metrics.operationEnded('tools/call', `tool-${tool}`, String(status), version, 0.1);
        told += 1;
      }
    }
  }
  const lines = (await metrics.text())
    .split('\n')
    .filter((line) => line.startsWith('mcp_server_operation_duration_seconds_count'));
  expect(lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)).toBe(told);
  expect(lines.length).toBeLessThan(2700);
});
