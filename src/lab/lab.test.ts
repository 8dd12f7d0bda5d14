import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { AllclearError, systemClock } from '../kernel/index.ts';
import { freePort } from './free-port.ts';
import { Lab } from './lab.ts';

const labs: Lab[] = [];

afterEach(async () => {
  await Promise.all(labs.splice(0).map((lab) => lab.stop()));
});

function openLab(signal?: AbortSignal): Lab {
  const lab = new Lab({ clock: systemClock, ...(signal && { signal }) });
  labs.push(lab);
  return lab;
}

function lives(pid: number | undefined): boolean {
  try {
    return process.kill(pid!, 0);
  } catch {
    return false;
  }
}

async function untilGone(pids: readonly (number | undefined)[]): Promise<void> {
  await expect.poll(() => pids.filter(lives), { timeout: 10_000 }).toEqual([]);
}

async function abortOf(signal: AbortSignal): Promise<unknown> {
  if (!signal.aborted) await once(signal, 'abort');
  return signal.reason as unknown;
}

describe('Lab', () => {
  it('leaves no child behind when its process is killed', async () => {
    const program = fileURLToPath(new URL('../../test/fixtures/lab/doomed-parent.ts', import.meta.url));
    const parent: ChildProcess = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(parent.stdout!, 'data')) as [Buffer];
    const pids = JSON.parse(line.toString()) as number[];
    expect(pids.filter(lives)).toHaveLength(2);
    parent.kill('SIGKILL');
    await untilGone(pids);
  });

  it('stops its parts in reverse order, and the rest when one of them fails to stop', async () => {
    const lab = openLab();
    const stopped: string[] = [];
    lab.add({ stop: async () => void stopped.push('first') });
    lab.add({ stop: () => Promise.reject(new AllclearError('E_INTERNAL', { what: 'stuck' })) });
    lab.add({ stop: async () => void stopped.push('third') });
    labs.pop();
    await expect(lab.stop()).rejects.toThrow('stuck');
    expect(stopped).toEqual(['third', 'first']);
  });

  it('stops everything when its signal aborts, also while a part is starting', async () => {
    const controller = new AbortController();
    const lab = openLab(controller.signal);
    const upstream = await lab.startUpstream({ initializeCostMs: 0 });
    const starting = lab.startFleet({ clients: 1, url: upstream.url });
    controller.abort(new AllclearError('E_CANCELLED', { what: 'stopped by hand' }));
    await expect(starting).rejects.toThrow('stopped by hand');
    await lab.stop();
    expect(lives(upstream.pid)).toBe(false);
  });

  it('is over, with the reason, when a part crashes', async () => {
    const lab = openLab();
    const upstream = await lab.startUpstream({ initializeCostMs: 0 });
    const fleet = await lab.startFleet({ clients: 1, url: upstream.url });
    process.kill(upstream.pid!, 'SIGKILL');
    const reason = await abortOf(lab.signal);
    expect(reason).toMatchObject({ code: 'E_CHILD_ENDED' });
    await lab.stop();
    await untilGone([upstream.pid, fleet.pid]);
    await expect(lab.startUpstream()).rejects.toThrow(/upstream ended with signal SIGKILL/);
  });

  it('stops what already runs when a later part cannot start', async () => {
    const lab = openLab();
    const upstream = await lab.startUpstream({ initializeCostMs: 0 });
    const broken = lab.startGuardProcess({
      command: [process.execPath, '-e', 'process.stderr.write("no guard today\\n"); process.exit(2)', '--'],
      upstreams: [upstream.url],
      listen: `127.0.0.1:${await freePort()}`,
      admin: '127.0.0.1:0',
      token: 'secret',
    });
    await expect(broken).rejects.toThrow('no guard today');
    await lab.stop();
    expect(lives(upstream.pid)).toBe(false);
  });
});
