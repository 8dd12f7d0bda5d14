/** wrk: as many requests as a number of connections can take, one after the other on each. */
import { execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Call, CLIENTS, requestText } from './calls.ts';
import { LOAD_CORE, type Program } from './programs.ts';

const WARM_UP_REQUESTS = 50_000;
const WARM_UP_SECONDS = 40;

export interface Closed {
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** CPU time of the program under load, per request. */
  readonly cpuMicroseconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** @throws Error when any request failed or was answered other than 2xx */
export async function closedLoop(
  program: Program,
  call: Call,
  seconds: number,
  connections = 32,
): Promise<Closed> {
  return run(program, byTurns(new URL(program.url).host, call), seconds, connections);
}

/** At least so many calls, each with a session id and a tool name of its own. Returns how many. */
export async function distinctCalls(program: Program, call: Call, atLeast: number): Promise<number> {
  let sent = 0;
  while (sent < atLeast) {
    sent += (await run(program, distinct(new URL(program.url).host, call, sent), 5, 32)).requests;
  }
  return sent;
}

async function run(
  { name, url, ...program }: Program,
  requests: string,
  seconds: number,
  connections: number,
): Promise<Closed> {
  const script = join(mkdtempSync(join(tmpdir(), 'allclear-bench-wrk-')), 'call.lua');
  writeFileSync(script, `${requests}${DONE}`);
  const before = program.cpuMicroseconds();
  const { stdout } = await promisify(execFile)('taskset', [
    '-c',
    String(LOAD_CORE),
    'wrk',
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '--timeout=30s',
    `--script=${script}`,
    url,
  ]);
  const used = program.cpuMicroseconds() - before;
  const line = stdout.split('\n').find((one) => one.startsWith('RESULT '));
  const { sent, microseconds, failed, p50, p99 } = JSON.parse(line!.slice(7)) as Record<string, number>;
  if (failed !== 0) throw new Error(`${name}: ${failed} of ${sent} requests failed\n${stdout}`);
  return {
    requests: sent!,
    requestsPerSecond: sent! / (microseconds! / 1e6),
    cpuMicroseconds: used / sent!,
    p50Ms: p50! / 1000,
    p99Ms: p99! / 1000,
  };
}

/** Until the runtime has compiled what it will: that takes requests rather than seconds. */
export async function warmUp(program: Program, call: Call, atLeast = WARM_UP_REQUESTS): Promise<void> {
  const end = performance.now() + WARM_UP_SECONDS * 1000;
  let requests = 0;
  while (requests < atLeast && performance.now() < end) {
    requests += (await closedLoop(program, call, 2)).requests;
  }
}

/** A text in JSON is one in Lua too. */
const inLua = JSON.stringify;

function byTurns(host: string, call: Call): string {
  const requests = Array.from({ length: CLIENTS }, (_, client) => inLua(requestText(host, call, client)));
  return `
local turn, requests = 0, {
${requests.join(',\n')}
}
function request()
  turn = turn % ${CLIENTS} + 1
  return requests[turn]
end
`;
}

function distinct(host: string, call: Call, from: number): string {
  const text = requestText(host, call, 0);
  // Seven digits in place of the end of the session id, and of the tool's name, which has seven letters.
  const parts = text.replace(/(mcp-session-id: .*).{7}\r/, '$1NUMBER\r').replace('"weather"', '"NUMBER"');
  return `
local turn, text = ${1_000_000 + from}, ${inLua(parts)}
function request()
  turn = turn + 1
  return (text:gsub("NUMBER", tostring(turn)))
end
`;
}

const DONE = `
function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('RESULT {"sent":%d,"microseconds":%d,"failed":%d,"p50":%d,"p99":%d}\\n',
    summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99)))
end
`;
