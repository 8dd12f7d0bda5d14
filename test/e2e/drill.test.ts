/** The main job, end to end: a real storm of real clients, and Ctrl-C in the middle of it. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { DrillResult, UntreatedResult } from '../../src/lab/index.ts';
import { run, start, temporaryFolder } from './program.ts';

describe('allclear drill session-storm', () => {
  it('takes a real storm of 1,000 clients from the failure to all clear, and writes down how', async () => {
    const home = temporaryFolder(onTestFinished);
    const { code, stdout, stderr } = await run(['drill', 'session-storm', '--json'], {
      env: { ALLCLEAR_HOME: home },
    });
    expect(stderr).toContain('Failure');
    const result = JSON.parse(stdout) as DrillResult;
    expect({ code, shortcomings: result.shortcomings }).toEqual({ code: 0, shortcomings: [] });
    expect(result).toMatchObject({
      runbook: 'session-storm',
      control: { verdict: 'ruled-out' },
      alert: { name: 'McpSessionStorm', runbook_url: 'runbooks/session-storm.md' },
      diagnosis: { verdict: 'confirmed' },
      verifyBeforeFix: 'failed',
      verified: true,
    });
    expect(result.clients.lost).toBeGreaterThanOrEqual(990);
    expect(result.clients.recovered).toBeGreaterThanOrEqual(990);
    expect(result.steps.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done']);
    const { toAlert, toVerdict, toFix, toVerified } = result.seconds;
    expect([toAlert, toVerdict, toFix, toVerified]).toEqual(
      [toAlert, toVerdict, toFix, toVerified].toSorted((a, b) => Number(a) - Number(b)),
    );
    // The server really was saturated: nobody had a session for a while.
    expect(Math.min(...result.connected)).toBeLessThan(100);

    expect(JSON.parse(readFileSync(result.record, 'utf8'))).toMatchObject({ incident: result.incident });
    const proposed = readFileSync(result.update!, 'utf8');
    expect(proposed).toMatch(/^- \d{4}-\d\d-\d\d: Drill\. All clear after/m);
    const shown = await run(['incidents', 'show', result.incident!], { env: { ALLCLEAR_HOME: home } });
    expect(shown.stdout).toContain('Pace the handshakes');
  });

  it('shows with --no-guard that nothing heals by itself', async () => {
    const { code, stdout } = await run([
      'drill',
      'session-storm',
      '--no-guard',
      '--observe',
      '30s',
      '--json',
    ]);
    const result = JSON.parse(stdout) as UntreatedResult;
    expect({ code, recovers: result.recovers, verified: result.verified }).toEqual({
      code: 0,
      recovers: false,
      verified: false,
    });
    expect(result.clients.recovered).toBeLessThan(500);
    // Nearly all of the server's work was for clients that had gone.
    expect(result.work.useful).toBeLessThan(result.work.done / 2);
    expect(result.seconds.observed).toBeGreaterThanOrEqual(30);
  });

  it('stops everything it started on Ctrl-C, and says so', async () => {
    const home = temporaryFolder(onTestFinished);
    const drill = start(['drill', 'session-storm', '--clients', '300'], { env: { ALLCLEAR_HOME: home } });
    await drill.shows(/Failure/);
    const children = descendants(drill.child.pid!);
    expect(children.length).toBeGreaterThanOrEqual(4);
    drill.child.kill('SIGINT');
    const { code, stderr } = await drill.ended;
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/E_CANCELLED the drill was stopped[\s\S]*Everything it had started is stopped/);
    expect(children.filter(isAlive)).toEqual([]);
  });

  it('leaves no process behind when it is killed outright', async () => {
    const home = temporaryFolder(onTestFinished);
    const drill = start(['drill', 'session-storm', '--clients', '100'], { env: { ALLCLEAR_HOME: home } });
    await drill.shows(/Clients/);
    const children = descendants(drill.child.pid!);
    drill.child.kill('SIGKILL');
    await drill.ended;
    await expect.poll(() => children.filter(isAlive), { timeout: 10_000 }).toEqual([]);
  });

  it('refuses a port that was asked for and is taken, and starts nothing', async () => {
    const taken = createServer();
    const port = await new Promise<number>((resolve) =>
      taken.listen(0, '127.0.0.1', () => resolve((taken.address() as { port: number }).port)),
    );
    onTestFinished(() => void taken.close());
    const { code, stderr } = await run([
      'drill',
      'session-storm',
      '--clients',
      '10',
      '--admin',
      `127.0.0.1:${port}`,
    ]);
    expect(code).toBe(3);
    expect(stderr).toMatch(new RegExp(`E_PORT_IN_USE.*127\\.0\\.0\\.1:${port}`));
  });

  it.each([
    [['drill', 'earthquake'], /E_NOT_FOUND.*earthquake[\s\S]*session-storm/],
    [['drill', 'session-storm', '--clients', 'many'], /E_USAGE --clients/],
    [['drill', 'session-storm', '--listen', '0.0.0.0:1'], /E_BAD_VALUE --listen/],
    [['drill', 'session-storm', '--practice', '--no-guard'], /E_USAGE --practice/],
    [['drill', 'session-storm', '--observe', '30s'], /E_USAGE --observe/],
    [['drill', 'session-storm', '--no-guard', '--observe', 'soon'], /E_USAGE --observe/],
    [['drill', 'session-storm', '--faster'], /E_USAGE unknown option/],
  ])('answers %j with a coded error', async (args, message) => {
    const { code, stderr } = await run(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});

/** Every process below this one, now. */
function descendants(pid: number): number[] {
  const rows = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const below = (parent: number): number[] =>
    rows.filter(([, ppid]) => ppid === parent).flatMap(([child]) => [child!, ...below(child!)]);
  return below(pid);
}

function isAlive(pid: number): boolean {
  if (!existsSync(`/proc/${pid}`)) return false;
  return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}
