import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/kernel/index.ts';
import { type FleetReport, Lab } from '../../src/lab/index.ts';

const CLIENTS = 20;

let lab: Lab;

afterEach(async () => {
  await lab.stop();
});

async function openLab() {
  lab = new Lab({ clock: systemClock });
  const upstream = await lab.startUpstream({ initializeCostMs: 1 });
  const fleet = await lab.startFleet({ clients: CLIENTS, url: upstream.url, callEverySeconds: 0.2 });
  return { upstream, fleet };
}

function everybodyIn(report: FleetReport): boolean {
  return report.connected === CLIENTS;
}

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(url)).text();
  return Number(new RegExp(`^${name} ([0-9.e+-]+)`, 'm').exec(text)?.[1]);
}

describe('the lab', () => {
  it('connects a fleet, calls tools, and sees clients leave and come back', async () => {
    const { upstream, fleet } = await openLab();
    await fleet.connect({ concurrency: 2 });
    expect(fleet.latest).toMatchObject({ attempts: CLIENTS, handshakes: CLIENTS, losses: 0, errors: 0 });
    await fleet.until((report) => report.calls > CLIENTS, { timeoutMs: 10_000 });
    expect(fleet.latest.callErrors).toBe(0);

    fleet.churn(20);
    await fleet.until((report) => report.handshakes >= CLIENTS + 5, { timeoutMs: 10_000 });
    fleet.churn(0);
    const calm = await fleet.until(everybodyIn, { timeoutMs: 10_000 });
    expect(calm).toMatchObject({ losses: 0, errors: 0, timeouts: 0 });
    // Whoever left had ended its session properly.
    expect(await metric(upstream.metricsUrl, 'lab_sessions')).toBe(CLIENTS);
    expect(await metric(upstream.metricsUrl, 'lab_initialize_done_total')).toBe(calm.handshakes);
    expect(await metric(upstream.metricsUrl, 'process_cpu_seconds_total')).toBeGreaterThan(0);
  });

  it('loses every session when the server restarts, and a fleet this small comes back by itself', async () => {
    const { upstream, fleet } = await openLab();
    await fleet.connect();
    const before = upstream.pid;
    await upstream.restart();
    expect(upstream.pid).not.toBe(before);
    const back = await fleet.until((report) => report.losses === CLIENTS && everybodyIn(report), {
      timeoutMs: 20_000,
    });
    expect(back.handshakes).toBe(2 * CLIENTS);
    expect(lab.signal.aborted).toBe(false);
  });

  it('answers an unknown session with 404 in the words of the SDK', async () => {
    const { upstream } = await openLab();
    const response = await fetch(upstream.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-session-id': 'unknown',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }),
    });
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({
      jsonrpc: '2.0',
      error: { code: -32_001, message: 'Session not found' },
      id: null,
    });
  });

  it('refuses a fleet that cannot be, before anything starts', async () => {
    lab = new Lab({ clock: systemClock });
    const none = lab.startFleet({ clients: 0, url: 'http://127.0.0.1:1/mcp' });
    await expect(none).rejects.toMatchObject({ code: 'E_BAD_VALUE' });
  });
});
