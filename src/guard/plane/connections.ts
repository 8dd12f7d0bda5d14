/** The connections to one upstream: kept alive, one pool per kind of traffic. */
import { connect as connectTcp, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Dispatcher } from 'undici';
import { type Clock, systemCode } from '../../kernel/index.ts';
import { ConnectionPool } from './connection-pool.ts';

/** Aborting a request with this closes its connection, as the client did. */
export class ClientGone extends Error {}

export class Connections {
  /** Requests within sessions. */
  readonly calls: ConnectionPool;
  /** Initialize requests: a storm's thousand connections stay out of the way of the rest. */
  readonly handshakes: ConnectionPool;
  /** GET streams: each holds a connection for as long as its session lives. */
  readonly streams: ConnectionPool;

  /** @param ca authorities to trust, PEM; those of the system when undefined */
  constructor(clock: Clock, origin: string, ca: readonly string[] | undefined) {
    // No time-outs of our own: a tool may work for minutes, and the client decides how long it waits.
    const options = {
      connect: { timeout: 10_000, ...(ca && { ca: [...ca] }) },
      allowH2: false,
      headersTimeout: 0,
      bodyTimeout: 0,
      pipelining: 1,
      maxHeaderSize: 65_536,
    };
    this.calls = new ConnectionPool(clock, origin, options);
    this.handshakes = new ConnectionPool(clock, origin, options);
    this.streams = new ConnectionPool(clock, origin, options);
  }

  destroy(): void {
    const gone = new ClientGone('the guard stops');
    for (const pool of [this.calls, this.handshakes, this.streams]) pool.destroy(gone).catch(() => {});
  }
}

/**
 * What a failed exchange tells of the upstream. `refused`: no process listens, so its sessions are gone.
 * `unreachable`: no connection came about, for whatever reason. `untrusted`: its certificate is not accepted,
 * so nothing was sent. `plain`: it does not speak TLS, likewise. `broken`: an existing connection ended.
 * `invalid`: the request cannot be written as HTTP, which says nothing of the upstream.
 */
export type Failure = 'refused' | 'unreachable' | 'untrusted' | 'plain' | 'broken' | 'invalid';

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
  if (NO_CONNECTION.has(code)) return 'unreachable';
  if (isCertificateProblem(code)) return 'untrusted';
  // What OpenSSL makes of an answer in plain HTTP.
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER') return 'plain';
  return 'broken';
}

/** What OpenSSL says of a certificate that it does not accept. */
function isCertificateProblem(code: string): boolean {
  return /^(ERR_TLS_CERT|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE))/.test(
    code,
  );
}

/**
 * Opens a connection, with the TLS handshake for https, and closes it: resolves to true, or to what
 * failed. Never rejects.
 */
export function probe(
  origin: string,
  timeoutMs: number,
  ca: readonly string[] | undefined,
): Promise<true | Failure> {
  const { hostname, port, protocol } = new URL(origin);
  const host = hostname.replace(/^\[|\]$/g, '');
  const secure = protocol === 'https:';
  const target = { host, port: Number(port) || (secure ? 443 : 80) };
  // A name is asked for by SNI; an address may not be.
  const names = isIP(host) === 0 ? { servername: host } : {};
  return new Promise((resolve) => {
    const socket = secure
      ? connectTls({ ...target, ...names, ...(ca && { ca: [...ca] }) })
      : connectTcp(target);
    const settle = (result: true | Failure) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => settle('unreachable'), timeoutMs);
    socket.once(secure ? 'secureConnect' : 'connect', () => settle(true));
    socket.once('error', (error) => settle(failureOf(error)));
  });
}

export type Controller = Dispatcher.DispatchController;
