import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { GuardLevers } from '../../src/guard/index.ts';
import { eventually, metric } from './guard-fixtures.ts';
import { type Running, run, start, temporaryFolder } from './program.ts';

const TOKEN = 'secret';
const by = { reason: 'test', actor: 'ada' };
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

const named = async ({ levers }: Program, name: string) =>
  (await levers.list()).find((lever) => lever.name === name);

describe('a lever over a restart', () => {
  it('is still held after SIGKILL, by whom and until when it was, and goes back on time', async () => {
    const state = join(folder(), 'deep', 'levers.json');
    const first = await guard(['--state', state]);
    const set = await first.levers.set('MAX_INIT_PER_SECOND', '50', {
      ...by,
      ttlSeconds: 6,
      incident: 'inc-1',
    });
    await first.levers.set('TOOL_TIMEOUT_SECONDS[search]', '5', by);
    await first.kill('SIGKILL');
    expect(statSync(state).mode & 0o777).toBe(0o600);

    // Another base: what is held stays held over it.
    const second = await guard(['--state', state], { MAX_INIT_PER_SECOND: '7' });
    expect(await named(second, 'MAX_INIT_PER_SECOND')).toEqual({ ...set, base: '7' });
    expect(await named(second, 'TOOL_TIMEOUT_SECONDS[search]')).toMatchObject({ value: '5', inherits: true });
    expect(await metric(second.admin, 'mcp_lever{name="TOOL_TIMEOUT_SECONDS",tool="search"}')).toBe(5);
    await new Promise((resolve) => setTimeout(resolve, set.held!.until - Date.now()));
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
