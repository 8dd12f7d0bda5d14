import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import { openStore } from '../../store/index.ts';
import { type DoctorOptions, examine } from './examine.ts';
import type { Finding } from './finding.ts';
import { nodeFinding, sandboxFindingOf } from './machine.ts';
import { accessFinding, skewFinding } from './store.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'doctor-test-'));
  mkdirSync(join(folder, 'runbooks'));
  writeFileSync(join(folder, 'runbooks', 'a.md'), '# A\n\n## Diagnosis\n\n```bash\ntrue\n```\n');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const PATH = process.env['PATH']!;

async function look(changes: Partial<DoctorOptions> = {}): Promise<Map<string, Finding>> {
  const findings = await examine({ env: { PATH }, cwd: folder, ...changes });
  return new Map(findings.map((finding) => [finding.name, finding]));
}

/** An address where nobody listens. */
async function closedPort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${port}`;
}

describe('the doctor', () => {
  it('finds a fresh machine in order, and makes nothing on it', async () => {
    const findings = await look();
    expect([...findings.values()].filter(({ state }) => state === 'broken')).toEqual([]);
    expect(findings.get('store')).toMatchObject({ state: 'ok' });
    expect(findings.get('runbooks')).toMatchObject({ state: 'ok', found: '1 load' });
    expect(findings.get('prometheus')).toMatchObject({ state: 'off' });
    expect(existsSync(join(folder, '.allclear'))).toBe(false);
  });

  it('tells a store that can be written, and its tokens', async () => {
    const file = join(folder, 'mine.db');
    await (await openStore(file)).close();
    const findings = await look({
      env: { PATH, ALLCLEAR_STORE: file, ALLCLEAR_WEBHOOK_SECRET: 'x'.repeat(40) },
    });
    expect(findings.get('store')).toMatchObject({
      state: 'ok',
      found: `sqlite, ${file}: up to date, can be written`,
    });
    expect(findings.get('clock')).toMatchObject({ state: 'ok' });
    expect(findings.get('access')).toMatchObject({
      state: 'warning',
      found: '0 API tokens, a webhook secret',
    });
  });

  it('tells a store that is none, or cannot be reached, without its password', async () => {
    writeFileSync(join(folder, 'not.db'), 'this is no database, whatever its name says. '.repeat(50));
    const wrong = await look({ env: { PATH, ALLCLEAR_STORE: join(folder, 'not.db') } });
    expect(wrong.get('store')).toMatchObject({ state: 'broken' });
    const gone = await look({ env: { PATH, ALLCLEAR_STORE: 'postgres://u:geheim@127.0.0.1:1/allclear' } });
    expect(gone.get('store')).toMatchObject({ state: 'broken' });
    expect(JSON.stringify([...gone.values()])).not.toContain('geheim');
  });

  it('tells a configuration, a runbook and addresses that are wrong', async () => {
    writeFileSync(join(folder, 'allclear.yaml'), 'sandbox:\n  mode: sometimes\n');
    writeFileSync(join(folder, 'runbooks', 'b.md'), '---\nseverity: dreadful\n---\n# B\n');
    const nobody = await closedPort();
    const findings = await look({
      config: 'allclear.yaml',
      prometheus: `http://${nobody}`,
      alertmanager: `http://${nobody}`,
      env: { PATH, ALLCLEAR_GUARD_URL: `http://user:geheim@${nobody}` },
    });
    expect(findings.get('config')).toMatchObject({
      state: 'broken',
      found: expect.stringMatching(/E_CONFIG_FILE .*allclear.yaml:2/) as string,
    });
    expect(findings.get('runbooks')).toMatchObject({ state: 'broken', found: '2 load, 1 with errors' });
    for (const name of ['prometheus', 'alertmanager', 'guard']) {
      expect(findings.get(name), name).toMatchObject({
        state: 'broken',
        fix: expect.stringMatching(/\S/) as string,
      });
    }
    expect(findings.get('alertmanager')!.found).toBe(`http://${nobody}: ECONNREFUSED`);
    expect(JSON.stringify([...findings.values()])).not.toContain('geheim');
  });

  it('asks what answers, with the password that stands in the URL', async () => {
    const asked: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.url} ${request.headers.authorization}`);
      response.end('ok');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const findings = await look({ alertmanager: `http://me:pw@127.0.0.1:${port}/am/` });
      expect(findings.get('alertmanager')).toMatchObject({
        state: 'ok',
        found: `http://127.0.0.1:${port}/am`,
      });
      expect(asked).toEqual([`/am/-/ready Basic ${Buffer.from('me:pw').toString('base64')}`]);
    } finally {
      server.close();
    }
  });

  it('tells a review that is overdue, and a home that others may look into', async () => {
    writeFileSync(
      join(folder, 'runbooks', 'a.md'),
      '---\nreviewed: 2020-01-01\n---\n# A\n\n## Diagnosis\n\n```bash\ntrue\n```\n',
    );
    const home = join(folder, 'home');
    mkdirSync(home);
    chmodSync(home, 0o755);
    const findings = await look({ env: { PATH, ALLCLEAR_HOME: home } });
    expect(findings.get('runbooks')).toMatchObject({
      state: 'warning',
      found: '1 load, 1 overdue for review',
    });
    expect(findings.get('home')).toMatchObject({ state: 'warning', fix: `chmod 700 ${home}` });
  });

  it('tells programs that are missing', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = folder;
    try {
      const findings = await look({ env: { PATH: folder } });
      expect(findings.get('bash')).toMatchObject({ state: 'broken' });
      expect(findings.get('curl')).toMatchObject({ state: 'warning' });
      expect(findings.get('sandbox')).toMatchObject({ state: 'warning' });
    } finally {
      process.env['PATH'] = path;
    }
  });
});

describe('a finding', () => {
  it('about the sandbox is broken only where one is required', () => {
    const why = 'bubblewrap: bwrap is not installed';
    expect(sandboxFindingOf({ state: 'open', why }, { mode: 'auto' }).state).toBe('warning');
    expect(sandboxFindingOf({ state: 'open', why }, { mode: 'off' }).state).toBe('off');
    expect(sandboxFindingOf({ state: 'refused', why }, { mode: 'required' }).state).toBe('broken');
  });

  it('about the clock speaks of both directions', () => {
    const clock = new TestClock();
    expect(skewFinding(clock.now() - clock.now()).state).toBe('ok');
    expect(skewFinding(5_000).found).toBe("5.0 s behind the store's");
    expect(skewFinding(-7_500).found).toBe("7.5 s ahead of the store's");
  });

  it('about Node and access names the fix', () => {
    expect(nodeFinding('20.1.0')).toMatchObject({ state: 'broken', fix: 'Install Node 24 or later.' });
    expect(accessFinding(2, true).state).toBe('ok');
    expect(accessFinding(1, false)).toMatchObject({
      state: 'warning',
      found: '1 API token, no webhook secret',
    });
  });
});
