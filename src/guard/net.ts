/** Addresses, and servers that listen on them. */
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { type Address, AllclearError, systemCode } from '../kernel/index.ts';
import type { Certificate } from './tls.ts';

const IDLE_LOOK_MS = 25;
/** A stop waits so long for the first request of a connection: it may be on its way. */
const FIRST_REQUEST_MS = 500;

/** TLS handshakes that take longer are given up. */
const HANDSHAKE_MS = 10_000;

/** What Node does not close by itself at a stop. */
interface Sockets {
  /** All TCP connections; Node does not count those whose TLS handshake is not through. */
  readonly open: Set<Socket>;
  /** HTTP connections that have not asked for anything yet, which Node takes for busy ones. */
  readonly silent: Set<Socket>;
}

const socketsOf = new WeakMap<Server, Sockets>();

/** An HTTP server, or an HTTPS server when there is a certificate. */
export function makeServer(
  options: ServerOptions,
  certificate: Certificate | null,
  listener?: RequestListener,
): Server {
  if (!certificate) return watched(createServer(options, listener), 'connection');
  const secure = {
    ...options,
    ...certificate,
    minVersion: 'TLSv1.2',
    handshakeTimeout: HANDSHAKE_MS,
    ALPNProtocols: ['http/1.1'],
  } as const;
  return watched(createTlsServer(secure, listener), 'secureConnection');
}

/** @param ready the event at which a connection may be used */
function watched(server: Server, ready: 'connection' | 'secureConnection'): Server {
  const open = new Set<Socket>();
  const silent = new Set<Socket>();
  socketsOf.set(server, { open, silent });
  server.on('connection', (socket: Socket) => keepWhileOpen(open, socket));
  server.on(ready, (socket: Socket) => keepWhileOpen(silent, socket));
  server.on('request', ({ socket }) => silent.delete(socket));
  return server;
}

function keepWhileOpen(set: Set<Socket>, socket: Socket): void {
  set.add(socket);
  socket.once('close', () => set.delete(socket));
}

/**
 * Starts listening.
 * @returns the URL, with the port that was taken
 * @throws AllclearError `E_PORT_IN_USE`, `E_BAD_VALUE` (not an address of this machine)
 */
export function listen(server: Server, { host, port }: Address, option: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const shown = `${host.includes(':') ? `[${host}]` : host}:${port}`;
      if (systemCode(error) === 'EADDRINUSE') {
        const what = `another program already listens on ${shown}`;
        const next = `Stop it, or choose another address with ${option} (port 0 takes a free one).`;
        reject(new AllclearError('E_PORT_IN_USE', { what, next, cause: error }));
      } else {
        const what = `cannot listen on ${shown}: ${error.message}`;
        const next = `Choose an address of this machine with ${option}.`;
        reject(new AllclearError('E_BAD_VALUE', { what, next, cause: error }));
      }
    });
    // A storm's connections queue in the kernel rather than being dropped.
    server.listen({ host, port, backlog: 4096 }, () => {
      const address = server.address() as AddressInfo;
      const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
      const scheme = 'setSecureContext' in server ? 'https' : 'http';
      resolve(`${scheme}://${name}:${address.port}`);
    });
  });
}

/**
 * Takes no more connections; resolves when the answers in progress are through, or were cut after `graceMs`.
 * @param server as `makeServer` made it
 */
export function closeServer(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const { open, silent } = socketsOf.get(server)!;
    const timer = setTimeout(() => open.forEach((socket) => socket.destroy()), graceMs);
    const first = setTimeout(() => silent.forEach((socket) => socket.destroy()), FIRST_REQUEST_MS);
    // A connection whose answer is through becomes idle, and would be kept for a further request.
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_LOOK_MS);
    server.close(() => {
      clearTimeout(timer);
      clearTimeout(first);
      clearInterval(idle);
      resolve();
    });
  });
}
