/** The token refresh cascade, end to end: real refreshes at a real authorization server, small. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { DrillResult, UntreatedResult } from '../../src/lab/index.ts';
import { run, temporaryFolder } from './program.ts';

const CLIENTS = 60;
const DRILL = ['drill', 'token-refresh-cascade', '--clients', String(CLIENTS), '--json'];

describe('allclear drill token-refresh-cascade', () => {
  it('takes a real cascade from the failure to all clear', async () => {
    const home = temporaryFolder(onTestFinished);
    const { code, stdout, stderr } = await run(DRILL, { env: { ALLCLEAR_HOME: home } });
    expect(stderr).toContain('TOKEN_REFRESH_COALESCE=off');
    const result = JSON.parse(stdout) as DrillResult;
    expect({ code, shortcomings: result.shortcomings }).toEqual({ code: 0, shortcomings: [] });
    expect(result).toMatchObject({
      runbook: 'token-refresh-cascade',
      control: { verdict: 'ruled-out' },
      alert: { name: 'McpTokenRefreshCascade', runbook_url: 'runbooks/token-refresh-cascade.md' },
      diagnosis: { verdict: 'confirmed' },
      verifyBeforeFix: 'failed',
      verified: true,
    });
    expect(result.steps.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done']);
    expect(result.others).toEqual([
      { runbook: 'session-storm', verdict: 'ruled-out' },
      { runbook: 'tool-timeout-spiral', verdict: 'ruled-out' },
    ]);
    // The failure was real: people had to log in again. And it was cured: they did.
    expect(result.clients.lost).toBeGreaterThan(CLIENTS / 4);
    expect(Math.min(...result.connected)).toBeLessThan(CLIENTS / 2);
    expect(result.clients.recovered).toBeGreaterThanOrEqual(CLIENTS - 1);
    expect(readFileSync(result.update!, 'utf8')).toMatch(/^- \d{4}-\d\d-\d\d: Drill\. All clear after/m);
  });

  it('shows with --no-guard that logging in again does not end it', async () => {
    const { code, stdout } = await run([...DRILL, '--no-guard', '--observe', '40s']);
    const result = JSON.parse(stdout) as UntreatedResult;
    expect({ code, recovers: result.recovers }).toEqual({ code: 0, recovers: false });
    expect(result.seconds.observed).toBeGreaterThanOrEqual(40);
    // More credentials were lost than there are clients: those who had logged in lost them again.
    expect(result.clients.lost).toBeGreaterThan(CLIENTS);
    expect(Math.min(...result.connected)).toBeLessThan(CLIENTS / 4);
    expect(result.work.what).toBe('token requests');
    expect(result.work.useful).toBeLessThan(result.work.done / 2);
  });
});
