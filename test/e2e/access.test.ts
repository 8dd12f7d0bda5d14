/** Who may do what, with the real server, real command lines and a real identity provider. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../src/lab/free-port.ts';
import {
  CLIENT,
  startTestProvider,
  TestBrowser,
  type TestProvider,
} from '../../src/server/access/testing-provider.ts';
import { type Ended, type Running, run, start, temporaryFolder } from './program.ts';

const RUNBOOK = `# Sick
## Diagnosis
\`\`\`bash {"name":"sick","normal":"value == 0"}
echo 1
\`\`\`
## Remediation
1. **Cut it off**
   \`\`\`bash {"risk":"disruptive"}
   true "$LABEL_SERVICE"
   \`\`\`
## Verify
\`\`\`bash {"name":"well","normal":"value == 0","within":"1s"}
echo 1
\`\`\`
`;

const cleanUps: (() => void | Promise<void>)[] = [];
let folder = '';
let server = '';
let serving: Running;
let provider: TestProvider;
let env: Record<string, string> = {};

beforeAll(async () => {
  folder = temporaryFolder((clean) => cleanUps.push(clean));
  env = { ALLCLEAR_HOME: join(folder, 'home'), ALLCLEAR_ACTOR: 'root' };
  mkdirSync(join(folder, 'runbooks'));
  writeFileSync(join(folder, 'runbooks/sick.md'), RUNBOOK);
  const port = await freePort();
  server = `http://127.0.0.1:${port}`;
  provider = await startTestProvider([`${server}/login/callback`]);
  cleanUps.push(() => provider.close());
  writeFileSync(join(folder, 'secret'), `${CLIENT.secret}\n`);
  writeFileSync(
    join(folder, 'allclear.yaml'),
    `hosts: [allclear.internal]
webhook: {secret-env: HOOK}
oidc:
  issuer: ${provider.issuer}
  client-id: ${CLIENT.id}
  client-secret-file: ./secret
  roles: {map: {sre: approver}}
`,
  );
  // A confirmed incident that waits for two people.
  const opened = await allclear(['run', 'runbooks/sick.md', '--label', 'service=mcp; rm -rf /']);
  expect(opened.stderr).toContain('E_APPROVAL_NEEDED');
  serving = start(['serve', '--listen', `127.0.0.1:${port}`, '--config', 'allclear.yaml'], {
    cwd: folder,
    env: { ...env, HOOK: 'hush hush' },
  });
  cleanUps.push(async () => {
    serving.child.kill('SIGTERM');
    await serving.ended;
  });
  await serving.shows(/"event":"ready"/);
});
afterAll(async () => {
  for (const clean of cleanUps.toReversed()) await clean();
});

const allclear = (args: string[], more: Record<string, string> = {}): Promise<Ended> =>
  run(args, { cwd: folder, env: { ...env, ...more } });
const remote = (credential: string, ...args: string[]) =>
  allclear(['incidents', ...args], { ALLCLEAR_SERVER: server, ALLCLEAR_TOKEN: credential });

async function token(owner: string, role: string, ...more: string[]): Promise<string> {
  const { stdout, stderr, code } = await allclear([
    'token',
    'create',
    '--owner',
    owner,
    '--role',
    role,
    ...more,
  ]);
  expect(code, stderr).toBe(0);
  return stdout.trim();
}

const me = async (authorization: string) => {
  const answer = await fetch(`${server}/api/v1/me`, { headers: { authorization } });
  return { status: answer.status, body: await answer.text() };
};

describe('tokens', () => {
  it('come in while they are valid, and say why they no longer are', async () => {
    const good = await token('ada', 'viewer');
    const brief = await token('ada', 'viewer', '--expires', '1s');
    expect(await me(`Bearer ${good}`)).toEqual({ status: 200, body: expect.stringContaining('"ada"') });
    await expect
      .poll(() => me(`Bearer ${brief}`), { timeout: 20_000 })
      .toEqual({
        status: 401,
        body: expect.stringContaining('expired'),
      });
    const listed = JSON.parse((await allclear(['token', 'list', '--json'])).stdout) as { id: string }[];
    expect(JSON.stringify(listed)).not.toContain(good.slice(9));
    for (const { id } of listed) await allclear(['token', 'revoke', id]);
    expect(await me(`Bearer ${good}`)).toEqual({ status: 401, body: expect.stringContaining('revoked') });
    expect((await me(`Bearer ${good.slice(0, -1)}x`)).status).toBe(401);
  });

  it('with too small a role read, and change nothing', async () => {
    const viewer = await token('eve', 'viewer');
    expect((await remote(viewer, 'show', 'last')).code).toBe(0);
    const refused = await remote(viewer, 'approve', 'last', '1', '--yes', '--json');
    expect([refused.code, JSON.parse(refused.stderr)]).toMatchObject([2, { error: { code: 'E_FORBIDDEN' } }]);
    expect((await remote('', 'list')).stderr).toContain('ALLCLEAR_TOKEN');
  });
});

describe('forged names', () => {
  /** fetch sets Host itself. */
  const status = (headers: Record<string, string>, path = '/healthz') =>
    new Promise<number>((resolve, reject) => {
      request(`${server}${path}`, { headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      })
        .on('error', reject)
        .end();
    });

  it('of hosts and origins get nothing', async () => {
    expect(await status({})).toBe(200);
    expect(await status({ host: 'allclear.internal' })).toBe(200);
    expect(await status({ host: 'evil.example' })).toBe(421);
    expect(await status({ origin: 'https://evil.example' })).toBe(403);
    const viewer = await token('eve', 'viewer');
    const authorization = `Bearer ${viewer}`;
    const forgeries: Record<string, string>[] = [
      { host: 'evil.example' },
      { origin: 'null' },
      { origin: `${server}.evil.example` },
    ];
    for (const forged of forgeries)
      expect(await status({ authorization, ...forged }, '/api/v1/incidents')).toBeGreaterThanOrEqual(400);
  });
});

it('a person logs in, reads, changes things from our own page only, and logs out', async () => {
  const browser = new TestBrowser();
  const { answer, url } = await browser.follow(`${server}/login?return-to=/api/v1/me`);
  expect([url, await answer.json()]).toEqual([
    `${server}/api/v1/me`,
    { name: 'ada@example.org', role: 'approver', via: 'login' },
  ]);
  const { incidents } = (await (await browser.go(`${server}/api/v1/incidents`)).json()) as {
    incidents: { id: string }[];
  };
  const note = (origin: string) =>
    browser.go(`${server}/api/v1/incidents/${incidents[0]!.id}/actions/note`, {
      method: 'POST',
      headers: { origin, 'content-type': 'application/json' },
      body: JSON.stringify({ text: 'by log-in' }),
    });
  expect((await note('https://evil.example')).status).toBe(403);
  expect((await note(server)).status).toBe(200);
  expect((await browser.go(`${server}/logout`, { method: 'POST', headers: { origin: server } })).status).toBe(
    303,
  );
  expect((await browser.go(`${server}/api/v1/me`)).status).toBe(401);
});

it('two people who approve at once are two, one who approves twice is one, and the step is approved once', async () => {
  const [ada, adaToo, ben] = await Promise.all([
    token('ada', 'approver'),
    token('Ada', 'admin'),
    token('ben', 'approver'),
  ]);
  const approve = (who: string) => remote(who, 'approve', 'last', '1', '--yes');
  const twice = await Promise.all([approve(ada), approve(adaToo)]);
  expect(twice.map(({ code }) => code)).toContain(0);
  expect(twice[0].stderr).toContain('LABEL_SERVICE="mcp; rm -rf /"');
  const before = JSON.parse((await remote(ben, 'show', 'last', '--json')).stdout) as Shown;
  expect(kinds(before)).not.toContain('step-approved');
  const once = await Promise.all([approve(ben), approve(ada)]);
  expect(once.map(({ code }) => code)).toContain(0);
  const after = JSON.parse((await remote(ben, 'show', 'last', '--json')).stdout) as Shown;
  const approved = after.events.filter(({ kind }) => kind === 'step-approved');
  expect(approved.map(({ data }) => data['by']?.length)).toEqual([2]);
});

interface Shown {
  events: { kind: string; data: { by?: string[] } }[];
}

function kinds({ events }: Shown): string[] {
  return events.map(({ kind }) => kind);
}

it("Alertmanager's secret delivers, and nothing of it is in the logs", async () => {
  const deliver = (credentials: string) =>
    fetch(`${server}/api/v1/webhooks/alertmanager`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ version: '4', alerts: [] }),
    });
  expect((await deliver('am:wrong')).status).toBe(401);
  expect((await deliver('am:hush hush')).status).toBe(200);
  serving.child.kill('SIGTERM');
  const { stdout, stderr } = await serving.ended;
  expect(stdout + stderr).not.toMatch(/hush|allclear_|a secret with/);
});
