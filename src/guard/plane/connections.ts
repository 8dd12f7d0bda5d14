/** The connections to one upstream: kept alive, one pool per kind of traffic. */
import { connect as connectTcp } from 'node:net';
import { type Dispatcher, Pool } from 'undici';
import { systemCode } from '../../kernel/index.ts';

/** Aborting a request with this closes its connection, as the client did. */
export class ClientGone extends Error {}

export class Connections {
  /** Requests within sessions. Small, so that choosing a connection stays cheap. */
  readonly calls: Pool;
  /** Initialize requests: a storm's thousand connections stay out of the way of the rest. */
  readonly handshakes: Pool;
  /** GET streams: each holds a connection for as long as its session lives. */
  readonly streams: Pool;

  constructor(origin: string) {
    // No time-outs of our own: a tool may work for minutes, and the client decides how long it waits.
    const options = {
      connect: { timeout: 10_000 },
      allowH2: false,
      headersTimeout: 0,
      bodyTimeout: 0,
      pipelining: 1,
      maxHeaderSize: 65_536,
    };
    this.calls = new Pool(origin, options);
    this.handshakes = new Pool(origin, options);
    this.streams = new Pool(origin, options);
  }

  destroy(): void {
    const gone = new ClientGone('the guard stops');
    for (const pool of [this.calls, this.handshakes, this.streams]) pool.destroy(gone).catch(() => {});
  }
}

/**
 * What a failed exchange tells of the upstream. `refused`: no process listens, so its sessions are gone.
 * `unreachable`: no connection came about, for whatever reason. `broken`: an existing connection ended.
 * `invalid`: the request cannot be written as HTTP, which says nothing of the upstream.
 */
export type Failure = 'refused' | 'unreachable' | 'broken' | 'invalid';

const NO_CONNECTION = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'EADDRNOTAVAIL',
  'EMFILE',
  'ENFILE',
]);

export function failureOf(error: unknown): Failure {
  const code = systemCode(error) ?? '';
  if (code === 'ECONNREFUSED') return 'refused';
  if (code === 'UND_ERR_INVALID_ARG') return 'invalid';
  if (NO_CONNECTION.has(code) || code.startsWith('ERR_TLS') || code.startsWith('CERT_')) return 'unreachable';
  return 'broken';
}

/** Opens and closes a TCP connection: resolves to true, or to what failed. Never rejects. */
export function probe(origin: string, timeoutMs: number): Promise<true | Failure> {
  const { hostname, port, protocol } = new URL(origin);
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve) => {
    const socket = connectTcp({ host, port: Number(port) || (protocol === 'https:' ? 443 : 80) });
    const settle = (result: true | Failure) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => settle('unreachable'), timeoutMs);
    socket.once('connect', () => settle(true));
    socket.once('error', (error) => settle(failureOf(error)));
  });
}

export type Controller = Dispatcher.DispatchController;
