/** `allclear serve` as its users meet it: alerts in, approvals over HTTP, streams, and what goes wrong. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAIN } from './program.ts';

let folder = '';
const running: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'allclear-serve-e2e-'));
  writeFileSync(join(folder, 'sick'), '');
  writeRunbook('rm sick; echo mended >> log');
});
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(folder, { recursive: true, force: true });
});

function writeRunbook(step: string): void {
  const check = (name: string) =>
    `\`\`\`bash {"name":"${name}","normal":"value == 0","within":"5s"}\ntest -e sick && echo 1 || echo 0\n\`\`\``;
  writeFileSync(
    join(folder, 'sick.md'),
    `---\nalerts: [Sick]\nseverity: critical\n---\n# Runbook: Sick\n\n## Diagnosis\n${check('sick')}\n\n## Remediation\n1. **Mend**\n   \`\`\`bash\n   ${step}\n   \`\`\`\n\n## Verify\n${check('well')}\n`,
  );
}

interface Serving {
  readonly child: ChildProcess;
  readonly url: string;
  readonly ready: Record<string, unknown>;
  readonly stderr: () => string;
}

function spawnAllclear(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: folder, USER: 'tester', ALLCLEAR_LEASE_SECONDS: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push(child);
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, out, err }));
  return { child, ended, out: () => out, err: () => err };
}

async function serve(...args: string[]): Promise<Serving> {
  const started = spawnAllclear(['serve', '--listen', '127.0.0.1:0', '--runbooks', 'sick.md', ...args]);
  const { child, ended } = started;
  await Promise.race([until(() => started.out().includes('\n')), ended]);
  if (!started.out().includes('\n')) throw new Error(`it did not start: ${started.err()}`);
  const ready = JSON.parse(started.out()) as Record<string, unknown>;
  return { child, url: String(ready['url']), ready, stderr: started.err };
}

async function until<T>(look: () => T | Promise<T>): Promise<NonNullable<T>> {
  const end = performance.now() + 30_000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (performance.now() > end) throw new Error('it did not come about');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function makeToken(role: string, owner: string): Promise<string> {
  const { out, err, code } = await spawnAllclear([
    'token',
    'create',
    '--owner',
    owner,
    '--role',
    role,
    '--json',
  ]).ended;
  expect(code, err).toBe(0);
  return (JSON.parse(out) as { token: string }).token;
}

interface Incident {
  id: string;
  state: string;
  steps: { index: number; approvalHash: string; state: string }[];
  waiting: { kind: string } | null;
  verdict: { verdict: string } | null;
}

function client(url: string, token: string) {
  const headers = { authorization: `Bearer ${token}` };
  const get = async <T>(path: string): Promise<T> =>
    (await fetch(`${url}${path}`, { headers })).json() as Promise<T>;
  const post = (path: string, body: object) =>
    fetch(`${url}${path}`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const alert = () =>
    post('/api/v1/webhooks/alertmanager', {
      version: '4',
      alerts: [{ status: 'firing', labels: { alertname: 'Sick' }, startsAt: '2026-11-22T03:00:00Z' }],
    });
  const incident = (id: string) => get<Incident>(`/api/v1/incidents/${id}`);
  const inState = (id: string, state: string) =>
    until(async () => {
      const shown = await incident(id);
      return shown.state === state ? shown : null;
    });
  return { get, post, alert, incident, inState, headers };
}

/** The numbers of the events that a stream tells, until it has told `last`. */
async function streamTo(url: string, headers: Record<string, string>, last: number): Promise<number[]> {
  const stop = new AbortController();
  const answer = await fetch(url, {
    headers: { ...headers, accept: 'text/event-stream' },
    signal: stop.signal,
  });
  const seen: number[] = [];
  let text = '';
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (const [, id] of text.matchAll(/^id: (\d+)\ndata: .*\n\n/gm)) seen.push(Number(id));
    text = text.slice(text.lastIndexOf('\n\n') + 2);
    if (seen.includes(last)) break;
  }
  stop.abort();
  return seen;
}

describe('allclear serve', () => {
  it('takes an alert to all clear: diagnosed, approved over HTTP, mended, verified; every event is told once', async () => {
    const service = await serve();
    expect(service.ready).toMatchObject({
      event: 'ready',
      runbooks: 1,
      next: expect.stringContaining('token create'),
    });
    const api = client(service.url, await makeToken('approver', 'ada'));
    const delivered = (await (await api.alert()).json()) as { incidents: string[] };
    const id = delivered.incidents[0]!;
    const confirmed = await api.inState(id, 'confirmed');
    expect(confirmed).toMatchObject({ verdict: { verdict: 'confirmed' }, waiting: { kind: 'begin' } });
    const { approvalHash } = confirmed.steps[0]!;
    const forged = await api.post(`/api/v1/incidents/${id}/actions/approve`, {
      step: 1,
      hash: 'f'.repeat(64),
    });
    expect([forged.status, ((await forged.json()) as { error: { code: string } }).error.code]).toEqual([
      409,
      'E_APPROVAL_STALE',
    ]);
    expect(existsSync(join(folder, 'log'))).toBe(false);

    const approved = await api.post(`/api/v1/incidents/${id}/actions/approve`, {
      step: 1,
      hash: approvalHash,
    });
    expect(approved.status).toBe(200);
    const resolved = await api.inState(id, 'resolved');
    expect(resolved.steps).toMatchObject([{ state: 'done' }]);
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('mended\n');
    const { events } = await api.get<{ events: { seq: number; kind: string }[] }>(
      `/api/v1/incidents/${id}/events`,
    );
    const last = events.at(-1)!.seq;
    expect(events.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['opened', 'verdict-reached', 'step-ended', 'verified']),
    );
    const path = `${service.url}/api/v1/incidents/${id}/events`;
    expect(await streamTo(path, api.headers, last)).toEqual(events.map(({ seq }) => seq));
    expect(await streamTo(path, { ...api.headers, 'last-event-id': String(last - 2) }, last)).toEqual([
      last - 1,
      last,
    ]);

    const metrics = await (await fetch(`${service.url}/metrics`)).text();
    expect(metrics).toMatch(/allclear_steps_total\{outcome="succeeded"\} 1/);
    service.child.kill('SIGTERM');
    expect(await once(service.child, 'exit')).toEqual([0, null]);
    expect(service.stderr()).not.toContain('E_INTERNAL');
  });

  it('is killed in the middle of a step, started again, and goes on: nothing runs twice by itself', async () => {
    writeRunbook('echo begun >> log; test -e slow && sleep 60; rm -f sick');
    writeFileSync(join(folder, 'slow'), '');
    const first = await serve();
    const token = await makeToken('approver', 'ada');
    const before = client(first.url, token);
    const delivered = (await (await before.alert()).json()) as { incidents: string[] };
    const id = delivered.incidents[0]!;
    const approve = async (api: ReturnType<typeof client>) => {
      const { steps } = await api.incident(id);
      return api.post(`/api/v1/incidents/${id}/actions/approve`, { step: 1, hash: steps[0]!.approvalHash });
    };
    await before.inState(id, 'confirmed');
    expect((await approve(before)).status).toBe(200);
    await until(() => existsSync(join(folder, 'log')));
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    rmSync(join(folder, 'slow'));

    const api = client((await serve()).url, token);
    const waiting = await until(async () => {
      const shown = await api.incident(id);
      return shown.waiting?.kind === 'decision' ? shown : null;
    });
    expect(waiting.steps).toMatchObject([{ state: 'unknown' }]);
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('begun\n');
    const decided = await api.post(`/api/v1/incidents/${id}/actions/decide`, { step: 1, decision: 'again' });
    expect(decided.status, await decided.text()).toBe(200);
    expect((await approve(api)).status).toBe(200);
    await api.inState(id, 'resolved');
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('begun\nbegun\n');
  });

  it('says what is in its way: a port in use, a wrong setting, a runbook that is not there, a store that is none', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    writeFileSync(join(folder, 'allclear.yaml'), '# ours\nidentify-by: [cluster]\npolicys: []\n');
    writeFileSync(join(folder, 'broken.db'), 'no database at all, only words. '.repeat(50));
    const cases = [
      [['serve', '--listen', `127.0.0.1:${port}`], 3, 'E_PORT_IN_USE', '--listen'],
      [['serve', '--listen', 'nowhere'], 2, 'E_BAD_VALUE', '127.0.0.1'],
      [['serve', '--config', 'allclear.yaml'], 2, 'E_CONFIG_FILE', 'allclear.yaml:3'],
      [['serve', '--config', 'none.yaml'], 2, 'E_FILE_NOT_FOUND', 'none.yaml'],
      [['serve', '--runbooks', 'none.md'], 2, 'E_FILE_NOT_FOUND', 'none.md'],
    ] as const;
    const ends = await Promise.all(cases.map(([args]) => spawnAllclear(args).ended));
    taken.close();
    for (const [index, [args, exit, code, hint]] of cases.entries()) {
      const { code: ended, err } = ends[index]!;
      expect([ended, err], args.join(' ')).toEqual([exit, expect.stringContaining(code)]);
      expect(err).toContain(hint);
    }
    expect(ends[2]!.err).toContain('Did you mean policies?');
    const { code, err } = await spawnAllclear(['serve'], { ALLCLEAR_STORE: 'broken.db' }).ended;
    expect([code, err]).toEqual([3, expect.stringContaining('E_STORE_UNUSABLE')]);
    expect(err).toContain('broken.db');
  });
});
