/** Starts what is measured, each program pinned to a core: proxies on one, load and upstream on the other. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { execPath } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The core of the proxy that is measured, and the core of load and upstream, which also takes the system's interrupts. */
export const PROXY_CORE = Math.min(1, availableParallelism() - 1);
export const LOAD_CORE = 0;

const READY_MS = 30_000;
const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

export interface Program {
  readonly name: string;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly pid: number;
  /** User and system time of the process, its threads and the children it has waited for, in microseconds. */
  cpuMicroseconds(): number;
  /** Resident memory in bytes. */
  residentBytes(): number;
  /** What it has written to stderr, bounded. */
  readonly stderr: () => string;
  stop(): Promise<void>;
}

export interface Start {
  readonly name: string;
  readonly core: number;
  readonly port: number;
  readonly command: readonly string[];
  /** The runtime's threads beside the main one (collector, compiler) run where the system puts them. Default false. */
  readonly freeThreads?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a program and waits until its port takes connections. */
export async function start(options: Start): Promise<Program> {
  const { name, core, port, command, freeThreads = false, env = {} } = options;
  const [program = '', ...args] = freeThreads ? command : ['taskset', '-c', String(core), ...command];
  const child = spawn(program, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-4000);
  });
  let failed: Error | null = null;
  child.on('error', (error) => {
    failed = error;
  });
  const end = performance.now() + READY_MS;
  while (!(await takesConnections(port))) {
    if (failed || child.exitCode !== null || performance.now() > end) {
      child.kill('SIGKILL');
      throw new Error(`${name} did not start: ${failed ? String(failed) : stderr}`);
    }
    await sleep(50);
  }
  const pid = child.pid!;
  if (freeThreads) execFileSync('taskset', ['-cp', String(core), String(pid)], { stdio: 'ignore' });
  return {
    name,
    url: `http://127.0.0.1:${port}`,
    pid,
    cpuMicroseconds: () => cpuMicroseconds(pid),
    residentBytes: () => residentBytes(pid),
    stderr: () => stderr,
    stop: () => stop(child),
  };
}

/** A TypeScript or JavaScript file beside this one (or below bench/), run by the same Node. */
export function node(file: string, ...args: readonly string[]): readonly string[] {
  return [execPath, fileURLToPath(new URL(file, import.meta.url)), ...args];
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true)).once('error', () => settle(false));
  });
}

/** proc_pid_stat(5), fields 14 to 17, counted after the name, which may hold spaces. */
function cpuMicroseconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return (ticks * 1e6) / TICKS_PER_SECOND;
}

function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1]) * 1024;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 4000);
  await closed;
  clearTimeout(timer);
}
