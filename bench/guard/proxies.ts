/** The guard and the Node proxies that it is compared with. */
import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { stderr } from 'node:process';
import { fileURLToPath } from 'node:url';
import { freePort, LOAD_CORE, node, PROXY_CORE, type Program, start } from './programs.ts';

const GATEWAYS = fileURLToPath(new URL('../gateways', import.meta.url));
/** Debian's package of each program. */
const PACKAGES = { nginx: 'nginx-light', haproxy: 'haproxy', wrk: 'wrk', taskset: 'util-linux' };

/** @throws Error that names what is missing and how to install it */
export function requirePrograms(...names: readonly (keyof typeof PACKAGES)[]): void {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];
  const missing = names.filter((name) => !folders.some((folder) => existsSync(join(folder, name))));
  if (missing.length === 0) return;
  const packages = missing.map((name) => PACKAGES[name]).join(' ');
  throw new Error(`${missing.join(', ')} is missing: apt-get install ${packages} (on Debian)`);
}

/** Installs the packages that are only compared with, unless they are there. */
export function installGateways(): void {
  const installed = join(GATEWAYS, 'node_modules', '.package-lock.json');
  const wanted = join(GATEWAYS, 'package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(wanted).mtimeMs) return;
  stderr.write('guard: installs bench/gateways\n');
  const args = ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];
  execFileSync('npm', args, { cwd: GATEWAYS, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** @param nodeOptions for the guard's own process, as `--inspect=…` */
export async function startGuard(upstreamUrl: string, nodeOptions: readonly string[] = []): Promise<Guard> {
  const port = await freePort();
  const adminPort = await freePort();
  const [execPath = '', main = ''] = node('../../bin/allclear.js');
  const program = await start({
    name: 'guard',
    core: PROXY_CORE,
    freeThreads: true,
    port,
    command: [
      execPath,
      ...nodeOptions,
      main,
      'guard',
      `--upstream=${upstreamUrl}`,
      `--listen=127.0.0.1:${port}`,
      `--admin=127.0.0.1:${adminPort}`,
      '--no-state',
    ],
  });
  return { ...program, adminUrl: `http://127.0.0.1:${adminPort}` };
}

export interface Guard extends Program {
  readonly adminUrl: string;
}

export async function startBare(upstream: Program): Promise<Program> {
  const port = await freePort();
  const command = node('bare.ts', upstream.url, String(port));
  return start({ name: 'bare node:http + undici', core: PROXY_CORE, freeThreads: true, port, command });
}

export async function startPeer(
  peer: '@fastify/http-proxy' | 'http-proxy-3',
  upstream: Program,
): Promise<Program> {
  const port = await freePort();
  const file = peer === 'http-proxy-3' ? 'http-proxy-3.mjs' : 'fastify-http-proxy.mjs';
  const command = node(`../gateways/${file}`, upstream.url, String(port));
  return start({ name: peer, core: PROXY_CORE, freeThreads: true, port, command });
}

const EVERYTHING = '../../node_modules/@modelcontextprotocol/server-everything/dist/index.js';

/** `@modelcontextprotocol/server-everything`, speaking Streamable HTTP. */
export async function startEverything(): Promise<Program> {
  const port = await freePort();
  return start({
    name: 'server-everything',
    core: LOAD_CORE,
    port,
    command: node(EVERYTHING, 'streamableHttp'),
    env: { PORT: String(port) },
  });
}

/** Each speaks stdio with a server-everything of its own, which runs where the guard's does. */
export async function startGateway(name: 'mcp-proxy' | 'supergateway'): Promise<Program> {
  const port = await freePort();
  const server = ['taskset', '-c', String(LOAD_CORE), ...node(EVERYTHING, 'stdio')];
  const command =
    name === 'mcp-proxy'
      ? [
          ...node('../gateways/node_modules/mcp-proxy/dist/bin/mcp-proxy.mjs'),
          '--host=127.0.0.1',
          `--port=${port}`,
          '--server=stream',
          '--',
          ...server,
        ]
      : [
          ...node('../gateways/node_modules/supergateway/dist/index.js'),
          '--outputTransport=streamableHttp',
          '--stateful',
          '--logLevel=none',
          `--port=${port}`,
          `--stdio=${server.join(' ')}`,
        ];
  return start({ name, core: PROXY_CORE, freeThreads: true, port, command });
}
