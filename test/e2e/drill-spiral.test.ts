/** The tool time-out spiral, end to end: a real index, a real tool, agents that retry, and the runbook against it. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { DrillResult, UntreatedResult } from '../../src/lab/index.ts';
import { connectClient, startServer } from './guard-fixtures.ts';
import { run, start, temporaryFolder } from './program.ts';

const AGENTS = 60;

describe('allclear drill tool-timeout-spiral', () => {
  it('takes a spiral from a short slowness to all clear, and no other runbook claims it', async () => {
    const home = temporaryFolder(onTestFinished);
    const { code, stdout } = await run(
      ['drill', 'tool-timeout-spiral', '--clients', String(AGENTS), '--json'],
      { env: { ALLCLEAR_HOME: home } },
    );
    const result = JSON.parse(stdout) as DrillResult;
    expect({ code, shortcomings: result.shortcomings }).toEqual({ code: 0, shortcomings: [] });
    expect(result).toMatchObject({
      runbook: 'tool-timeout-spiral',
      control: { verdict: 'ruled-out' },
      alert: { name: 'McpToolTimeoutSpiral', runbook_url: 'runbooks/tool-timeout-spiral.md' },
      diagnosis: { verdict: 'confirmed' },
      verifyBeforeFix: 'failed',
      verified: true,
    });
    expect(result.steps).toEqual(
      ['Find the tool', 'Set a deadline', 'Build a bulkhead', 'Give retries a budget'].map((title) => ({
        title,
        outcome: 'done',
      })),
    );
    expect(result.others.map(({ runbook }) => runbook)).toContain('session-storm');
    expect(new Set(result.others.map(({ verdict }) => verdict))).toEqual(new Set(['ruled-out']));
    expect(result.clients.recovered).toBeGreaterThanOrEqual(AGENTS * 0.99);
    // The tool really was of no use to anybody for a while, long after the slowness had passed.
    expect(Math.min(...result.connected.slice(10))).toBeLessThan(AGENTS / 4);
    expect(readFileSync(result.update!, 'utf8')).toMatch(/^- \d{4}-\d\d-\d\d: Drill\. All clear after/m);
  });

  it('shows with --no-guard that eight slow seconds are never got over', async () => {
    const { code, stdout } = await run([
      'drill',
      'tool-timeout-spiral',
      '--clients',
      String(AGENTS),
      '--no-guard',
      '--observe',
      '35s',
      '--json',
    ]);
    const result = JSON.parse(stdout) as UntreatedResult;
    expect({ code, recovers: result.recovers }).toEqual({ code: 0, recovers: false });
    expect(result.clients.recovered).toBeLessThan(AGENTS / 4);
    expect(result.seconds.observed).toBeGreaterThanOrEqual(35);
    // The index worked all the time, and nearly all of it for agents that had stopped waiting.
    expect(result.work.done).toBeGreaterThan(70);
    expect(result.work.useful).toBeLessThan(result.work.done / 4);
    expect(result.clients.lost).toBeGreaterThan(0);
  });
});

describe('runbooks/tool-timeout-spiral.md', () => {
  it('is ruled out where no tool was ever called, by name of every check', async () => {
    const server = await startServer();
    onTestFinished(() => server.kill());
    const guard = start(
      ['guard', '--upstream', server.url, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'],
      {
        env: { ALLCLEAR_HOME: temporaryFolder(onTestFinished) },
      },
    );
    onTestFinished(async () => {
      guard.child.kill();
      await guard.ended;
    });
    const [, listen, admin] = await guard.shows(/"listen":"([^"]+)","admin":"([^"]+)"/);
    const { client } = await connectClient(listen!);
    onTestFinished(() => client.close());
    const { code, stdout } = await run(['diagnose', 'runbooks/tool-timeout-spiral.md', '--json'], {
      env: { ALLCLEAR_GUARD_URL: admin! },
    });
    const [diagnosis] = JSON.parse(stdout) as {
      verdict: string;
      readings: { check: string; judgement: string; value: number | null }[];
    }[];
    expect({ code, verdict: diagnosis?.verdict }).toEqual({ code: 0, verdict: 'ruled-out' });
    expect(diagnosis?.readings.map(({ judgement }) => judgement)).toEqual(
      diagnosis?.readings.map(() => 'normal'),
    );
    expect(diagnosis?.readings.map(({ value }) => value)).toEqual(diagnosis?.readings.map(() => 0));
  });
});
