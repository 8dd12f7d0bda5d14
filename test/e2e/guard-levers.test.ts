import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { GuardLevers } from '../../src/guard/index.ts';
import { connectClient, eventually, metric, startServer } from './guard-fixtures.ts';
import { type Running, root, run, start, temporaryFolder } from './program.ts';

const TOKEN = 'secret';
const by = { reason: 'test', actor: 'ada' };
const script = join(root, 'test/fixtures/levers/set.sh');
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

const folder = () => temporaryFolder((clean) => cleanups.push(clean));

interface Program {
  readonly running: Running;
  readonly admin: string;
  readonly levers: GuardLevers;
  /** Ends it and resolves once it has ended. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** `allclear guard`, on free ports, before a server that is not there. */
async function guard(args: readonly string[], env: Record<string, string> = {}): Promise<Program> {
  const running = start(
    [
      'guard',
      '--upstream',
      'http://127.0.0.1:1',
      '--listen',
      '127.0.0.1:0',
      '--admin',
      '127.0.0.1:0',
      ...args,
    ],
    { env: { ALLCLEAR_GUARD_TOKEN: TOKEN, ...env } },
  );
  const kill = async (signal: NodeJS.Signals) => {
    running.child.kill(signal);
    await running.ended;
  };
  cleanups.push(() => kill('SIGKILL'));
  const [, admin] = await running.shows(/"admin":"(http[^"]+)"/);
  return { running, admin: admin!, levers: new GuardLevers(admin!, TOKEN), kill };
}

const reaches = (time: number) => new Promise((resolve) => setTimeout(resolve, time - Date.now()));
const named = async ({ levers }: Program, name: string) =>
  (await levers.list()).find((lever) => lever.name === name);

describe('a lever over a restart', () => {
  it('is still held after SIGKILL, by whom and until when it was, and goes back on time', async () => {
    const state = join(folder(), 'deep', 'levers.json');
    const first = await guard(['--state', state], { 'TOOL_TIMEOUT_SECONDS[search]': '9' });
    const set = await first.levers.set('MAX_INIT_PER_SECOND', '50', {
      ...by,
      ttlSeconds: 12,
      incident: 'inc-1',
    });
    const env = { ALLCLEAR_GUARD_URL: first.admin, ALLCLEAR_GUARD_TOKEN: TOKEN };
    const assignment = 'TOOL_TIMEOUT_SECONDS[search]=5';
    const { stdout } = await run(['lever', 'set', assignment, '--reason', 'test'], { env });
    expect(stdout).toMatch(/^TOOL_TIMEOUT_SECONDS\[search\] {2}9 → 5\n {2}returns to 9 in 15 min/);
    await first.kill('SIGKILL');
    expect(statSync(state).mode & 0o777).toBe(0o600);

    // Another base: what is held stays held over it.
    const second = await guard(['--state', state], { MAX_INIT_PER_SECOND: '7' });
    expect(await named(second, 'MAX_INIT_PER_SECOND')).toEqual({ ...set, base: '7' });
    expect(await named(second, 'TOOL_TIMEOUT_SECONDS[search]')).toMatchObject({ value: '5', inherits: true });
    expect(await metric(second.admin, 'mcp_lever{name="TOOL_TIMEOUT_SECONDS",tool="search"}')).toBe(5);
    await reaches(set.held!.until);
    const back = await eventually(
      () => named(second, 'MAX_INIT_PER_SECOND'),
      (lever) => lever?.held === null,
    );
    expect(back).toMatchObject({ value: '7', base: '7' });
    expect(Date.now()).toBeGreaterThanOrEqual(set.held!.until);
    await second.kill('SIGTERM');

    const third = await guard(['--state', state]);
    expect((await third.levers.list()).filter(({ held }) => held).map(({ name }) => name)).toEqual([
      'TOOL_TIMEOUT_SECONDS[search]',
    ]);
    await third.running.shows(/"event":"lever-resumed".*search/);
  });

  it('is forgotten when its time ended meanwhile, with a line that says so', async () => {
    const state = join(folder(), 'levers.json');
    const first = await guard(['--state', state]);
    await first.levers.set('MAX_SESSIONS', '5', { ...by, ttlSeconds: 0.5 });
    await first.kill('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 600));
    const second = await guard(['--state', state]);
    expect(await named(second, 'MAX_SESSIONS')).toMatchObject({ value: '', held: null });
    await second.running.shows(/"event":"lever-expired".*while the guard was down/);
  });

  it.each([
    '{"version":',
    '{}',
    '[]',
    '\u0000\u0001',
    '{"format":"allclear-guard-levers","version":9,"levers":[]}',
  ])('is forgotten, and the file set aside, when that says %j', async (content) => {
    const home = folder();
    const state = join(home, 'levers.json');
    writeFileSync(state, content);
    const one = await guard(['--state', state]);
    await one.running.shows(/"event":"levers-forgotten"/);
    const aside = readdirSync(home).find((name) => name.includes('set-aside'));
    expect(readFileSync(join(home, aside!), 'utf8')).toBe(content);
    await one.levers.set('MAX_SESSIONS', '5', by);
    expect(readFileSync(state, 'utf8')).toContain('"MAX_SESSIONS"');
  });

  it('is no matter of two guards with one file', async () => {
    const state = join(folder(), 'levers.json');
    const one = await guard(['--state', state]);
    const other = await run([
      'guard',
      '--upstream',
      'http://127.0.0.1:1',
      '--listen',
      '127.0.0.1:0',
      '--admin',
      '127.0.0.1:0',
      '--state',
      state,
    ]);
    expect(other).toMatchObject({ code: 3, stderr: expect.stringContaining('E_STORE_BUSY') });
    await one.kill('SIGKILL');
    await guard(['--state', state]);
  });

  it('is set and said to be forgotten where nothing can be written', async () => {
    const home = folder();
    writeFileSync(join(home, 'file'), '');
    const one = await guard(['--state', join(home, 'file', 'levers.json')]);
    const lever = await one.levers.set('MAX_SESSIONS', '5', by);
    expect(lever).toMatchObject({ value: '5', notice: expect.stringContaining('would forget') });
  });
});

/** A configuration whose lever MCP_REPLICAS is a file in the folder. */
function replicas(home: string, more = ''): string {
  const config = join(home, 'guard.yaml');
  writeFileSync(
    config,
    `levers:
  MCP_REPLICAS:
    meaning: replicas of the server
    min: 1
    max: 20
    value: 3
    driver:
      command:
        set: STORE=${home}/replicas bash ${script}
        read: cat ${home}/replicas
      timeout: 2s
      every: 1s
${more}`,
  );
  writeFileSync(join(home, 'replicas'), '3\n');
  return config;
}

const ran = (home: string) =>
  existsSync(join(home, 'replicas.log')) ? readFileSync(join(home, 'replicas.log'), 'utf8') : '';

describe('a lever that commands move', () => {
  it('is set, read and returned by them; its values are never part of a command', async () => {
    const home = folder();
    const one = await guard(['--config', replicas(home)]);
    const reason = '"; touch pwned; $(touch pwned) `touch pwned`';
    const set = await one.levers.set('MCP_REPLICAS', '5', { actor: 'ada', reason, ttlSeconds: 8 });
    expect(set).toMatchObject({ value: '5', base: '3', held: { reason } });
    expect(ran(home)).toBe(`set MCP_REPLICAS =5 by ada: ${reason}\n`);
    await eventually(
      () => named(one, 'MCP_REPLICAS'),
      (lever) => lever?.driven?.reads?.value === '5',
    );
    expect(await metric(one.admin, 'mcp_lever{name="MCP_REPLICAS"}')).toBe(5);
    expect(await metric(one.admin, 'mcp_lever_overdue{name="MCP_REPLICAS"}')).toBe(0);
    await reaches(set.held!.until);
    await eventually(
      () => named(one, 'MCP_REPLICAS'),
      (lever) => lever?.held === null,
    );
    expect(readFileSync(join(home, 'replicas'), 'utf8')).toBe('3\n');
    writeFileSync(join(home, 'replicas'), '9\n');
    await eventually(
      () => run(['lever'], { env: { ALLCLEAR_GUARD_URL: one.admin } }),
      ({ stdout }) => /^MCP_REPLICAS +3, reads 9$/m.test(stdout),
    );
    await one.running.shows(/"event":"lever-drifts".*"to":"9"/);
  });

  it('says that it failed, and is as it was; says that it is unknown, and shows what is read', async () => {
    const home = folder();
    const one = await guard(['--config', replicas(home)]);
    writeFileSync(join(home, 'replicas.broken'), '');
    await expect(one.levers.set('MCP_REPLICAS', '5', by)).rejects.toMatchObject({
      code: 'E_LEVER_FAILED',
      message: expect.stringContaining('no route to the cluster'),
    });
    expect(await named(one, 'MCP_REPLICAS')).toMatchObject({ value: '3', held: null });
    rmSync(join(home, 'replicas.broken'));
    writeFileSync(join(home, 'replicas.hang'), '');
    await expect(one.levers.set('MCP_REPLICAS', '6', by)).rejects.toMatchObject({
      code: 'E_LEVER_UNKNOWN',
      message: expect.stringContaining('it reads 3 now'),
    });
    expect(ran(home).trim().split('\n')).toHaveLength(2);
    const { stdout } = await run(['lever'], { env: { ALLCLEAR_GUARD_URL: one.admin } });
    expect(stdout).toMatch(/^MCP_REPLICAS +6, reads 3$/m);
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('is returned by the next guard when its time ended after SIGKILL, and until that succeeds it is overdue', async () => {
    const home = folder();
    const config = replicas(home);
    const state = join(home, 'state.json');
    const first = await guard(['--config', config, '--state', state]);
    await first.levers.set('MCP_REPLICAS', '5', { ...by, ttlSeconds: 1 });
    await first.kill('SIGKILL');
    writeFileSync(join(home, 'replicas.broken'), '');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const second = await guard(['--config', config, '--state', state]);
    await eventually(
      () => named(second, 'MCP_REPLICAS'),
      (lever) => lever?.driven?.state === 'overdue',
    );
    const { stdout } = await run(['lever'], { env: { ALLCLEAR_GUARD_URL: second.admin } });
    expect(stdout).toContain('OVERDUE: its return to 3 has failed, and is tried again');
    rmSync(join(home, 'replicas.broken'));
    await eventually(
      () => named(second, 'MCP_REPLICAS'),
      (lever) => lever?.held === null,
    );
    expect(readFileSync(join(home, 'replicas'), 'utf8')).toBe('3\n');
  });
});

describe('a configuration file', () => {
  const changes = (program: Program) =>
    program.levers.list().then((all) => all.find(({ name }) => name === 'MAX_SESSIONS'));

  it('is read anew at SIGHUP, when it changes, and at POST /reload; what is held stays held', async () => {
    const home = folder();
    const config = replicas(home, '  MAX_SESSIONS: 10\n');
    const one = await guard(['--config', config]);
    expect(await changes(one)).toMatchObject({ value: '10' });
    await one.levers.set('MAX_INIT_PER_SECOND', '50', by);

    replicas(home, '  MAX_SESSIONS: 20\n  MAX_INIT_PER_SECOND: 5\n');
    one.running.child.kill('SIGHUP');
    await one.running.shows(/"event":"reloaded","by":"SIGHUP".*MAX_SESSIONS 10 → 20/);
    expect(await changes(one)).toMatchObject({ value: '20', held: null });
    expect(await named(one, 'MAX_INIT_PER_SECOND')).toMatchObject({ value: '50', base: '5' });

    replicas(home, '  MAX_SESSIONS: 30\n');
    await eventually(
      () => changes(one),
      (lever) => lever?.value === '30',
    );

    replicas(home, '  MAX_SESSIONS: 40\n');
    const post = (token: string) =>
      fetch(`${one.admin}/reload`, { method: 'POST', headers: { authorization: `Bearer ${token}` } });
    expect((await post('wrong')).status).toBe(401);
    expect(await (await post(TOKEN)).json()).toEqual({
      bases: [{ name: 'MAX_SESSIONS', from: '30', to: '40', held: false }],
      drivers: [],
      certificate: false,
    });
  });

  it('that is wrong is refused as a whole, with the line; the old settings stay', async () => {
    const home = folder();
    const config = replicas(home, '  MAX_SESSIONS: 10\n');
    const one = await guard(['--config', config]);
    writeFileSync(config, 'levers:\n  MAX_SESSIONS: 20\n  MAX_INIT_PER_SECOND: soon\n');
    one.running.child.kill('SIGHUP');
    await one.running.shows(/"event":"reload-refused".*guard\.yaml:3/);
    expect(await changes(one)).toMatchObject({ value: '10' });
    const bad = await run(['guard', '--upstream', 'http://127.0.0.1:1', '--config', config]);
    expect(bad).toMatchObject({ code: 2, stderr: expect.stringContaining('guard.yaml:3') });
    const none = await run([
      'guard',
      '--upstream',
      'http://127.0.0.1:1',
      '--config',
      join(home, 'none.yaml'),
    ]);
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('E_FILE_NOT_FOUND') });
  });

  it('moves the upstreams without cutting anybody: old sessions stay where they are, new ones go to the new', async () => {
    const home = folder();
    const config = join(home, 'guard.yaml');
    const [a, b] = [await startServer({ name: 'a' }), await startServer({ name: 'b' })];
    cleanups.push(
      () => a.kill(),
      () => b.kill(),
    );
    writeFileSync(config, `upstreams: [${a.url}]\n`);
    const args = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--config', config];
    const running = start(['guard', ...args], { env: { ALLCLEAR_GUARD_TOKEN: TOKEN } });
    cleanups.push(async () => {
      running.child.kill('SIGKILL');
      await running.ended;
    });
    const [, listen] = await running.shows(/"listen":"(http[^"]+)"/);
    const who = async (one: Awaited<ReturnType<typeof connectClient>>) =>
      ((await one.client.callTool({ name: 'whoami' })).content as { text: string }[])[0]!.text;
    const old = await connectClient(listen!);
    cleanups.push(() => old.client.close());
    writeFileSync(config, `upstreams:\n  - ${b.url}\n`);
    running.child.kill('SIGHUP');
    await running.shows(/"event":"reloaded".*UPSTREAMS/);
    writeFileSync(config, `upstreams: [${listen}]\n`);
    running.child.kill('SIGHUP');
    await running.shows(/"event":"reload-refused".*is where this guard listens itself/);
    const young = await connectClient(listen!);
    cleanups.push(() => young.client.close());
    expect([await who(old), await who(young)]).toEqual(['a', 'b']);
  });

  it('is not there: SIGHUP says so and ends nobody', async () => {
    const one = await guard([]);
    one.running.child.kill('SIGHUP');
    await one.running.shows(/"event":"reload-refused","by":"SIGHUP"/);
    expect(await changes(one)).toMatchObject({ value: '' });
  });
});
