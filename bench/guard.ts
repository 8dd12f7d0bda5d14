/**
 * How fast is the guard? Small `tools/call` in JSON through the guard, through the least that a Node proxy can be
 * (`guard/bare.ts`), through two Node proxies and two native ones; then at a fixed rate for the latency that is
 * added; then event streams; then beside two MCP gateways in front of a real server.
 *
 * Two cores: whatever is in the path runs on one, load and upstream on the other. All take turns, in short rounds, and
 * figures are medians of rounds: a noisy moment hits all alike. Everything is started several times, because one start
 * is up to a fifth faster than the next, as the runtime happens to compile. `node bench/guard.ts` runs it alone (about
 * twelve minutes).
 */
import { execFile } from 'node:child_process';
import { loadavg } from 'node:os';
import { stderr, stdout } from 'node:process';
import { promisify } from 'node:util';
import { everythingCall, sessionCall, statelessCall } from './guard/calls.ts';
import { type Closed, closedLoop, warmUp } from './guard/closed-loop.ts';
import { startHaproxy, startNginxProxy, startUpstream } from './guard/native.ts';
import type { Open } from './guard/open-loop.ts';
import { freePort, LOAD_CORE, node, PROXY_CORE, type Program, start } from './guard/programs.ts';
import {
  installGateways,
  requirePrograms,
  startBare,
  startEverything,
  startGateway,
  startGuard,
  startPeer,
} from './guard/proxies.ts';
import { median, medianRatio, round } from './guard/statistics.ts';
import { EVENTS } from './guard/streams.ts';
import type { BenchResult } from './run.ts';

const STARTS = 5;
const ROUNDS = 4;
const ROUND_SECONDS = 1;
const LATENCY_STARTS = 3;
/** Short and many: a stall of the machine itself then spoils a round, and not the median. */
const LATENCY_ROUNDS = 9;
const LATENCY_SECONDS = 1;
/** Requests. The last things are compiled late, and a stall of some milliseconds is what is looked for. */
const LATENCY_WARM_UP = 200_000;
const STREAM_ROUNDS = 9;
const STREAMS = 4;
const GATEWAY_ROUNDS = 3;
const GATEWAY_SECONDS = 2;
const GATEWAY_WARM_UP_SECONDS = 4;

const PEERS = ['@fastify/http-proxy', 'http-proxy-3'] as const;

const OVER_BARE = 0.75;
const OVER_PEERS = 1.5;
const ADDED_P99_MS = 3;
const STREAM_ADDED = 0.1;

export async function guard(): Promise<BenchResult> {
  requirePrograms('nginx', 'haproxy', 'wrk', 'taskset');
  installGateways();
  await using stack = new AsyncDisposableStack();
  const run = until(stack);
  const upstream = await run(startUpstream());
  const speed = await measureSpeed(upstream);
  const latency = await measureLatency(upstream, speed.peakPerSecond / 2);
  const streams = await measureStreams(run);
  const gateways = await measureGateways(run);
  const { overBare, overPeers } = speed;
  return {
    question: 'What does the guard cost, beside other proxies and beside none?',
    measured: {
      cores: { path: PROXY_CORE, loadAndUpstream: LOAD_CORE },
      requestsPerSecond: {
        overBare: round(overBare),
        overFasterPeer: round(overPeers),
        starts: STARTS,
        rounds: STARTS * ROUNDS,
      },
      cpuOverBare: round(speed.cpuOverBare),
      programs: speed.table,
      addedLatency: latency,
      eventStreams: streams,
      beforeServerEverything: gateways,
      loadAverage: round(loadavg()[0] ?? 0),
    },
    ratio: round(overBare),
    target: `>= ${OVER_BARE} x bare, >= ${OVER_PEERS} x the faster peer, p99 <= +${ADDED_P99_MS} ms at half peak, streams < +${STREAM_ADDED * 100}%`,
    met:
      overBare >= OVER_BARE &&
      overPeers >= OVER_PEERS &&
      latency.addedP99Ms <= ADDED_P99_MS &&
      streams.addedTime < STREAM_ADDED,
  };
}

type Run = (program: Promise<Program>) => Promise<Program>;

function until(stack: AsyncDisposableStack): Run {
  return async (program) => {
    const started = await program;
    stack.defer(() => started.stop());
    return started;
  };
}

async function measureSpeed(upstream: Program) {
  const seen = new Map<string, Closed[]>();
  for (let turn = 0; turn < STARTS; turn++) {
    for (const [name, rounds] of await speedRounds(upstream)) {
      seen.set(name, [...(seen.get(name) ?? []), ...rounds]);
    }
    note(`start ${turn + 1} of ${STARTS}`);
  }
  const speeds = (name: string) => seen.get(name)!.map((one) => one.requestsPerSecond);
  const costs = (name: string) => seen.get(name)!.map((one) => one.cpuMicroseconds);
  return {
    peakPerSecond: median(speeds('guard')),
    overBare: medianRatio(speeds('guard'), speeds('bare')),
    overPeers: Math.min(...PEERS.map((peer) => medianRatio(speeds('guard'), speeds(peer)))),
    cpuOverBare: medianRatio(costs('guard'), costs('bare')),
    table: Object.fromEntries([...seen].map(([name, rounds]) => [name, summary(rounds)])),
  };
}

/** Of one start of everything. It ends with its rounds: an idle one that collects its garbage is heard in others' p99. */
async function speedRounds(upstream: Program): Promise<Map<string, Closed[]>> {
  await using stack = new AsyncDisposableStack();
  const run = until(stack);
  const guarded = await run(startGuard(upstream.url));
  const bare = await run(startBare(upstream));
  const inNode = [{ name: 'guard', program: guarded, call: sessionCall }];
  for (const peer of PEERS) {
    inNode.push({ name: peer, program: await run(startPeer(peer, upstream)), call: sessionCall });
  }
  inNode.push(
    { name: 'bare', program: bare, call: sessionCall },
    { name: 'guard, 2026-07-28', program: guarded, call: statelessCall },
    { name: 'bare, 2026-07-28', program: bare, call: statelessCall },
  );
  const native = [
    { name: 'nginx', program: await run(startNginxProxy(upstream)), call: sessionCall },
    { name: 'HAProxy', program: await run(startHaproxy(upstream)), call: sessionCall },
    { name: 'no proxy', program: upstream, call: sessionCall },
  ];
  for (const { program, call } of inNode) await warmUp(program, call);
  const runs = [...inNode, ...native];
  const seen = new Map<string, Closed[]>(runs.map(({ name }) => [name, []]));
  // A first round that does not count: what has stood idle since it was warm opens its connections again.
  for (let turn = -1; turn < ROUNDS; turn++) {
    for (const { name, program, call } of runs) {
      const one = await closedLoop(program, call, ROUND_SECONDS);
      if (turn >= 0) seen.get(name)!.push(one);
    }
  }
  return seen;
}

function summary(rounds: readonly Closed[]) {
  const middle = (read: (one: Closed) => number) => median(rounds.map(read));
  return {
    requestsPerSecond: Math.round(middle((one) => one.requestsPerSecond)),
    cpuMicrosecondsPerRequest: round(
      middle((one) => one.cpuMicroseconds),
      1,
    ),
    p50Ms: round(middle((one) => one.p50Ms)),
    p99Ms: round(middle((one) => one.p99Ms)),
  };
}

/** At a fixed rate, so that what is measured is the guard and not the queue in front of a busy one. */
async function measureLatency(upstream: Program, rate: number) {
  const direct: Open[] = [];
  const through: Open[] = [];
  for (let turn = 0; turn < LATENCY_STARTS; turn++) {
    await using stack = new AsyncDisposableStack();
    const guarded = await until(stack)(startGuard(upstream.url));
    await warmUp(guarded, sessionCall, LATENCY_WARM_UP);
    const args = [rate, LATENCY_SECONDS, LATENCY_ROUNDS].map(String);
    const text = await pinned(node('open-loop.ts', ...args, upstream.url, guarded.url));
    const [one, other] = JSON.parse(text) as [Open[], Open[]];
    direct.push(...one);
    through.push(...other);
    note(`fixed rate, start ${turn + 1} of ${LATENCY_STARTS}`);
  }
  const failed = [...direct, ...through].reduce((sum, one) => sum + one.failed, 0);
  if (failed > 0) throw new Error(`${failed} calls failed at ${Math.round(rate)} requests/s`);
  const p50 = [direct, through].map((rounds) => median(rounds.map((one) => one.p50Ms)));
  const p99 = [direct, through].map((rounds) => median(rounds.map((one) => one.p99Ms)));
  return {
    requestsPerSecond: Math.round(rate),
    directMs: { p50: round(p50[0]!), p99: round(p99[0]!) },
    guardMs: { p50: round(p50[1]!), p99: round(p99[1]!) },
    addedP50Ms: round(p50[1]! - p50[0]!),
    addedP99Ms: round(p99[1]! - p99[0]!),
  };
}

async function measureStreams(run: Run) {
  const port = await freePort();
  const command = node('streams.ts', 'serve', String(port));
  const server = await run(start({ name: 'event streams', core: LOAD_CORE, port, command }));
  const guarded = await run(startGuard(server.url));
  const direct: number[] = [];
  const through: number[] = [];
  const read = async (program: Program) =>
    Number(await pinned(node('streams.ts', 'read', `${program.url}/mcp`, String(STREAMS))));
  for (let turn = -2; turn < STREAM_ROUNDS; turn++) {
    const [one, other] = [await read(server), await read(guarded)];
    if (turn < 0) continue;
    direct.push(one);
    through.push(other);
  }
  note('event streams');
  await guarded.stop();
  await server.stop();
  return {
    streams: STREAMS,
    events: EVENTS,
    directMs: Math.round(median(direct)),
    guardMs: Math.round(median(through)),
    addedTime: round(medianRatio(through, direct) - 1, 3),
  };
}

/** One session, eight calls at a time: each of them works for one client at a time. */
async function measureGateways(run: Run) {
  const everything = await run(startEverything());
  const programs = [
    await run(startGuard(everything.url)),
    await run(startGateway('mcp-proxy')),
    await run(startGateway('supergateway')),
    everything,
  ];
  const calls = new Map<Program, ReturnType<typeof everythingCall>>();
  for (const program of programs) calls.set(program, everythingCall(await openSession(program)));
  const seen = new Map<Program, Closed[]>(programs.map((program) => [program, []]));
  for (const program of programs) await closedLoop(program, calls.get(program)!, GATEWAY_WARM_UP_SECONDS, 8);
  for (let turn = 0; turn < GATEWAY_ROUNDS; turn++) {
    for (const program of programs) {
      seen.get(program)!.push(await closedLoop(program, calls.get(program)!, GATEWAY_SECONDS, 8));
    }
    note(`server-everything, round ${turn + 1} of ${GATEWAY_ROUNDS}`);
  }
  const names = ['guard', 'mcp-proxy', 'supergateway', 'no gateway'];
  return Object.fromEntries(programs.map((program, index) => [names[index]!, summary(seen.get(program)!)]));
}

/** Initializes a session, as every client does, and tries one call. Returns its id. */
async function openSession({ name, url }: Program): Promise<string> {
  const post = (body: object, session?: string) =>
    fetch(`${url}/mcp`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(session !== undefined && { 'mcp-session-id': session, 'mcp-protocol-version': '2025-06-18' }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...body }),
    });
  const clientInfo = { name: 'bench', version: '1.0.0' };
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo };
  const answer = await post({ id: 1, method: 'initialize', params });
  await answer.text();
  const session = answer.headers.get('mcp-session-id');
  if (session === null) throw new Error(`${name} opened no session: ${answer.status}`);
  await (await post({ method: 'notifications/initialized' }, session)).text();
  const call = { name: 'echo', arguments: { message: 'tried' } };
  const tried = await (await post({ id: 2, method: 'tools/call', params: call }, session)).text();
  if (!tried.includes('tried')) throw new Error(`${name} does not answer: ${tried.slice(0, 500)}`);
  return session;
}

async function pinned(command: readonly string[]): Promise<string> {
  const { stdout: text } = await promisify(execFile)('taskset', ['-c', String(LOAD_CORE), ...command]);
  return text;
}

function note(text: string): void {
  stderr.write(`guard: ${text}\n`);
}

if (import.meta.main) {
  const result = await guard();
  stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  if (!result.met) process.exitCode = 1;
}
