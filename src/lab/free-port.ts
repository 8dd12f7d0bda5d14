import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** Below the ports that systems give to outgoing connections (Linux from 32768 on, others from 49152 on). */
const FROM = 20_000;
const TO = 32_768;
const TRIES = 20;

/**
 * A TCP port that nothing listens on at this moment. Another program may take it before you do, but no connection of
 * its own to somewhere else will: those have ports of another range.
 */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = await taken(host, randomInt(FROM, TO)).catch(() => null);
    if (port !== null) return port;
  }
  return taken(host, 0);
}

/** Listens, and lets go. Rejects when it cannot. */
async function taken(host: string, wanted: number): Promise<number> {
  const server = createServer().listen(wanted, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
