/**
 * Does the guard's memory stay flat? 10,000 sessions are opened, with an event stream each as official clients have it (as
 * many as the machine allows files: a stream takes two of the guard's);
 * then a million calls pass, and 100,000 calls with a session id and a tool name of their own each. What is alive
 * is measured after a full garbage collection, in the guard's real process. `node bench/guard-memory.ts`
 * runs it alone (about five minutes).
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, type ClientRequest, request } from 'node:http';
import { loadavg } from 'node:os';
import { stderr, stdout } from 'node:process';
import { type Call, sessionCall } from './guard/calls.ts';
import { closedLoop, distinctCalls } from './guard/closed-loop.ts';
import { type Heap, Inspector } from './guard/heap.ts';
import { freePort, LOAD_CORE, node, start } from './guard/programs.ts';
import { type Guard, requirePrograms, startGuard } from './guard/proxies.ts';
import { round } from './guard/statistics.ts';
import type { BenchResult } from './run.ts';

const SESSIONS = 10_000;
const REQUESTS = 1_000_000;
const DISTINCT = 100_000;
const LANES = 64;
const BATCH_SECONDS = 10;
const GROWTH = 0.02;
const MIB = 2 ** 20;

export async function guardMemory(): Promise<BenchResult> {
  requirePrograms('wrk', 'taskset');
  await using stack = new AsyncDisposableStack();
  const port = await freePort();
  const command = node('session-server.ts', String(port));
  const upstream = await start({ name: 'session server', core: LOAD_CORE, port, command });
  stack.defer(() => upstream.stop());
  const inspectPort = await freePort();
  const guard = await startGuard(upstream.url, [`--inspect=127.0.0.1:${inspectPort}`]);
  stack.defer(() => guard.stop());
  const inspector = stack.use(await Inspector.connect(inspectPort));

  await manyCalls(guard, sessionCall, 50_000);
  const empty = await inspector.alive();
  note('sessions');
  const ids = await openSessions(guard);
  const withSessions = await inspector.alive();
  note('streams');
  const streams = await openStreams(guard, ids.slice(0, streamsPossible(guard.pid)));
  stack.defer(() => streams.forEach((one) => one.destroy()));
  const withStreams = await inspector.alive();
  const residentBytes = guard.residentBytes();
  const samples: Heap[] = [];
  let requests = 0;
  while (requests < REQUESTS) {
    requests += await manyCalls(guard, sessionCall, REQUESTS / 10);
    samples.push(await inspector.alive());
    note(`${requests.toLocaleString('en')} calls, ${mib(samples.at(-1)!)} MiB alive`);
  }
  const distinct = await distinctCalls(guard, sessionCall, DISTINCT);
  const afterDistinct = await inspector.alive();
  const growth = total(samples.at(-1)!) / total(samples[0]!) - 1;
  return {
    question: `Does the guard's memory stay flat over ${REQUESTS.toLocaleString('en')} requests with ${SESSIONS.toLocaleString('en')} live sessions?`,
    measured: {
      aliveMiB: {
        empty: mib(empty),
        sessions: mib(withSessions),
        sessionsWithStreams: mib(withStreams),
        overRequests: samples.map(mib),
        afterDistinct: mib(afterDistinct),
      },
      bytesPerSession: Math.round((total(withSessions) - total(empty)) / SESSIONS),
      openStreams: streams.length,
      bytesPerStream: Math.round((total(withStreams) - total(withSessions)) / streams.length),
      residentMiB: { withStreams: round(residentBytes / MIB), atEnd: round(guard.residentBytes() / MIB) },
      requests,
      distinctSessionIdsAndTools: distinct,
      bytesPerDistinctCall: Math.round((total(afterDistinct) - total(samples.at(-1)!)) / distinct),
      loadAverage: round(loadavg()[0] ?? 0),
    },
    ratio: round(1 + growth, 3),
    target: `what is alive grows by at most ${GROWTH * 100}% from 100,000 to 1,000,000 requests`,
    met: growth <= GROWTH,
  };
}

/** Sends at least so many calls; returns how many. */
async function manyCalls(guard: Guard, call: Call, atLeast: number): Promise<number> {
  let sent = 0;
  while (sent < atLeast) sent += (await closedLoop(guard, call, BATCH_SECONDS)).requests;
  return sent;
}

async function openSessions({ url }: Guard): Promise<readonly string[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: LANES });
  const clientInfo = { name: 'bench', version: '1.0.0' };
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const ids: string[] = [];
  const lane = async () => {
    while (ids.length < SESSIONS) {
      const req = request(`${url}/mcp`, { method: 'POST', agent, headers }).end(body);
      const [res] = (await once(req, 'response')) as [import('node:http').IncomingMessage];
      res.resume();
      await once(res, 'end');
      ids.push(String(res.headers['mcp-session-id']));
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  agent.destroy();
  return ids.slice(0, SESSIONS);
}

/** Each takes a connection to the client and one to the server; some files are left for the calls. */
function streamsPossible(pid: number): number {
  const files = Number(/^Max open files +(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[1]);
  return Math.min(SESSIONS, Math.floor((files - 1000) / 2));
}

/** Resolves when every stream is open. */
async function openStreams({ url }: Guard, ids: readonly string[]): Promise<readonly ClientRequest[]> {
  const streams: ClientRequest[] = [];
  const left = [...ids];
  const lane = async () => {
    for (let id = left.pop(); id !== undefined; id = left.pop()) {
      const headers = { accept: 'text/event-stream', 'mcp-session-id': id };
      const req = request(`${url}/mcp`, { headers, agent: false }).end();
      const [res] = (await once(req, 'response')) as [import('node:http').IncomingMessage];
      if (res.statusCode !== 200) throw new Error(`a stream was answered ${res.statusCode}`);
      req.on('error', () => {});
      res.on('error', () => {});
      res.resume();
      streams.push(req);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return streams;
}

function total({ heapBytes, bufferBytes }: Heap): number {
  return heapBytes + bufferBytes;
}

function mib(heap: Heap): number {
  return round(total(heap) / MIB, 1);
}

function note(text: string): void {
  stderr.write(`guard-memory: ${text}\n`);
}

if (import.meta.main) {
  const result = await guardMemory();
  stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  if (!result.met) process.exitCode = 1;
}
