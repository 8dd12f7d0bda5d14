/** wrk: as many requests as a number of connections can take, one after the other on each. */
import { execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Call, CLIENTS, requestText } from './calls.ts';
import { LOAD_CORE, type Program } from './programs.ts';

const WARM_UP_REQUESTS = 50_000;
const WARM_UP_SECONDS = 20;

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
  const script = join(mkdtempSync(join(tmpdir(), 'allclear-bench-wrk-')), 'call.lua');
  writeFileSync(script, lua(new URL(program.url).host, call));
  const before = program.cpuMicroseconds();
  const { stdout } = await promisify(execFile)('taskset', [
    ...['-c', String(LOAD_CORE), 'wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '30s'],
    ...['-s', script, `${program.url}${call.path}`],
  ]);
  const used = program.cpuMicroseconds() - before;
  const line = stdout.split('\n').find((one) => one.startsWith('RESULT '));
  const { requests, microseconds, failed, p50, p99 } = JSON.parse(line!.slice(7)) as Record<string, number>;
  if (failed !== 0) throw new Error(`${program.name}: ${failed} of ${requests} requests failed\n${stdout}`);
  return {
    requests: requests!,
    requestsPerSecond: requests! / (microseconds! / 1e6),
    cpuMicroseconds: used / requests!,
    p50Ms: p50! / 1000,
    p99Ms: p99! / 1000,
  };
}

/** Until the runtime has compiled what it will: that takes requests rather than seconds. */
export async function warmUp(program: Program, call: Call, connections?: number): Promise<void> {
  const end = performance.now() + WARM_UP_SECONDS * 1000;
  let requests = 0;
  while (requests < WARM_UP_REQUESTS && performance.now() < end) {
    requests += (await closedLoop(program, call, 2, connections)).requests;
  }
}

function lua(host: string, call: Call): string {
  // A text in JSON is one in Lua too.
  const requests = Array.from({ length: CLIENTS }, (_, client) =>
    JSON.stringify(requestText(host, call, client)),
  );
  return `
local turn, requests = 0, {
${requests.join(',\n')}
}
function request()
  turn = turn % ${CLIENTS} + 1
  return requests[turn]
end
function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('RESULT {"requests":%d,"microseconds":%d,"failed":%d,"p50":%d,"p99":%d}\\n',
    summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99)))
end
`;
}
