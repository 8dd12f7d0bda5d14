import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { AllclearError, systemClock } from '../kernel/index.ts';
import { Child } from './child.ts';
import { startUpstream } from './upstream.ts';

const children: Child[] = [];

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.stop()));
});

function run(script: string): Child {
  const child = new Child({ name: 'trial', command: [process.execPath, '-e', script], clock: systemClock });
  children.push(child);
  return child;
}

function never(): void {}

async function errorOf(promise: Promise<unknown>): Promise<AllclearError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof AllclearError) return error;
  throw new TypeError(`not a coded error: ${String(error)}`);
}

describe('Child', () => {
  it('reports a child that dies before it is ready, with its last words', async () => {
    const child = run('process.stderr.write("the dog ate it\\n"); process.exit(7)');
    const error = await errorOf(child.waitFor(never, { timeoutMs: 10_000, what: 'ready' }));
    expect(error.code).toBe('E_CHILD_ENDED');
    expect(error.message).toContain('exit code 7');
    expect(error.message).toContain('the dog ate it');
  });

  it('names the error of an uncaught exception rather than the end of its stack', async () => {
    const child = run('throw new RangeError("out of cheese")');
    const error = await errorOf(child.waitFor(never, { timeoutMs: 10_000, what: 'ready' }));
    expect(error.message).toContain('RangeError: out of cheese');
  });

  it('reports a child that cannot be started', async () => {
    const child = new Child({ name: 'trial', command: ['/nonexistent/program'], clock: systemClock });
    const error = await errorOf(child.waitFor(never, { timeoutMs: 10_000, what: 'ready' }));
    expect(error.code).toBe('E_CHILD_ENDED');
    expect(error.message).toContain('ENOENT');
  });

  it('gives up on a child that is never ready', async () => {
    const child = run('setInterval(() => {}, 1000)');
    const error = await errorOf(child.waitFor(never, { timeoutMs: 50, what: 'ready' }));
    expect(error.code).toBe('E_TIMEOUT');
  });

  it('tells of a crash once, and not of an end it was asked for', async () => {
    const crashes: AllclearError[] = [];
    const crashed = run('setTimeout(() => process.exit(3), 50)');
    const stopped = run('setInterval(() => {}, 1000)');
    for (const child of [crashed, stopped]) child.onCrash((error) => crashes.push(error));
    await Promise.all([crashed.ended, stopped.stop()]);
    expect(crashes.map((error) => error.code)).toEqual(['E_CHILD_ENDED']);
  });

  it('kills a child that ignores SIGTERM', async () => {
    const child = run('process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); process.send("up")');
    await child.waitFor((from, found) => void from.onMessage(found), { timeoutMs: 10_000, what: 'up' });
    await child.stop();
    expect(await child.ended).toBe('signal SIGKILL');
  });

  it('says that a port is taken when that is why the server ended', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const error = await errorOf(startUpstream({ port, initializeCostMs: 0, clock: systemClock }));
    server.close();
    expect(error.code).toBe('E_PORT_IN_USE');
  });
});
