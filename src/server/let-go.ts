/** Connections that would keep a server from closing although nobody waits for an answer on them. */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

const IDLE_LOOK_MS = 25;
/** A stop waits so long for the first request of a connection: it may be on its way. */
const FIRST_REQUEST_MS = 500;

/**
 * Watches the server's connections.
 * @returns to be called when the server begins to close
 */
export function watchConnections(server: Server): () => void {
  // Node takes a connection that has not asked for anything yet for a busy one; browsers open such ones ahead.
  const silent = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });
  server.on('request', ({ socket }) => silent.delete(socket));
  return () => {
    // A connection whose answer is through becomes idle, and would be kept for a further request.
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_LOOK_MS);
    const first = setTimeout(() => silent.forEach((socket) => socket.destroy()), FIRST_REQUEST_MS);
    server.once('close', () => {
      clearInterval(idle);
      clearTimeout(first);
    });
  };
}
