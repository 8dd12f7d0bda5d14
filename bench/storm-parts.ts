/** What the benchmarks of storms share. */
import { systemClock } from '../src/kernel/index.ts';
import type { Fleet, Upstream } from '../src/lab/index.ts';

/** Restarts the server; returns when (monotonic ms). Resolves when the server runs again and the clients have noticed. */
export async function breakSessions(upstream: Upstream, fleet: Fleet, signal: AbortSignal): Promise<number> {
  const when = systemClock.monotonic();
  await upstream.restart();
  await fleet.until((report) => report.connected < report.clients / 2, {
    timeoutMs: 30_000,
    what: 'broken',
    signal,
  });
  return when;
}

/** Initializes per second of a closed loop with two lanes (one is served while the other travels). */
export async function measureCapacity(upstream: Upstream): Promise<number> {
  const warmUp = 50;
  const counted = 300;
  for (let turn = 0; turn < warmUp; turn++) await initialize(upstream.url);
  let left = counted;
  const lane = async () => {
    while (left-- > 0) await initialize(upstream.url);
  };
  const took = await seconds(() => Promise.all([lane(), lane()]));
  return counted / took;
}

/**
 * Whole handshakes per second of the same closed loop: initialize, initialized, the event stream (which stays
 * open, as clients keep it) and tools/list.
 */
export async function measureHandshakes(upstream: Upstream): Promise<number> {
  const warmUp = 50;
  const counted = 300;
  const streams: AbortController[] = [];
  for (let turn = 0; turn < warmUp; turn++) streams.push(await handshake(upstream.url));
  let left = counted;
  const lane = async () => {
    while (left-- > 0) streams.push(await handshake(upstream.url));
  };
  const took = await seconds(() => Promise.all([lane(), lane()]));
  for (const stream of streams) stream.abort();
  return counted / took;
}

const JSON_RPC = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

async function initialize(url: string): Promise<string> {
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'bench', version: '1.0.0' },
  };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
  const response = await fetch(url, { method: 'POST', headers: JSON_RPC, body });
  const text = await response.text();
  if (!text.includes('serverInfo')) throw new Error(`initialize was answered ${response.status}: ${text}`);
  return response.headers.get('mcp-session-id') ?? '';
}

/** @returns what ends the event stream */
async function handshake(url: string): Promise<AbortController> {
  const session = { 'mcp-session-id': await initialize(url), 'mcp-protocol-version': '2025-11-25' };
  const post = async (message: object) => {
    const headers = { ...JSON_RPC, ...session };
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(message) });
    await response.text();
  };
  await post({ jsonrpc: '2.0', method: 'notifications/initialized' });
  const stream = new AbortController();
  const headers = { accept: 'text/event-stream', ...session };
  await Promise.all([
    fetch(url, { headers, signal: stream.signal }),
    post({ jsonrpc: '2.0', id: 2, method: 'tools/list' }),
  ]);
  return stream;
}

export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = systemClock.monotonic();
  await work();
  return (systemClock.monotonic() - start) / 1000;
}

export function round(value: number): number {
  return Math.round(value * 100) / 100;
}
