/** A lab process: the authorization server. Settings are JSON in the first argument; `ready` goes out over IPC. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../kernel/index.ts';
import { calibrateBurn } from '../burn.ts';
import { createProvider, publicFace } from './auth-server.ts';
import { createLogInDesk } from './log-in-desk.ts';
import { authServerCommandSchema, authServerOptionsSchema } from './messages.ts';
import { Throttle } from './throttle.ts';
import { createTokenStore } from './token-store.ts';

// The lab may be killed at any moment; nothing of it stays behind.
process.once('disconnect', () => process.exit(0));

const settings = authServerOptionsSchema.parse(JSON.parse(process.argv[2] ?? '{}'));
const counts = { ok: 0, refused: 0, throttled: 0 };
let life = settings.accessTokenSeconds;
const accessTokenSeconds = () => life;
process.on('message', (message: unknown) => {
  life = authServerCommandSchema.parse(message).accessTokenSeconds;
});

const burn = calibrateBurn(settings.tokenCostMs);
const front = createServer();
const port = await listen(front);
const issuer = settings.issuer || `http://127.0.0.1:${port}`;
const provider = createProvider(issuer, createTokenStore(systemClock), accessTokenSeconds);
const throttle = new Throttle(settings.throttlePerSecond, systemClock);
front.on('request', publicFace(provider, { throttle, burn, counts }));
const desk = createServer(createLogInDesk({ provider, counts, accessTokenSeconds, clock: systemClock }));
process.send?.({ type: 'ready', port, deskPort: await listen(desk) });

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1', 2048);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
