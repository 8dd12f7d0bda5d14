/** Starts a guard, and stops it again. */
import { Server as TlsServer } from 'node:tls';
import { isLoopback, parseAddress } from '../kernel/index.ts';
import { adminListener } from './admin.ts';
import { assemble } from './assemble.ts';
import { closeServer, listen, makeServer } from './net.ts';
import type { Guard, GuardOptions } from './options.ts';
import { refuseOwnListener } from './own-listener.ts';
import { trafficListener } from './plane/listener.ts';
import { parseUpstreams } from './policy/upstream-urls.ts';
import { reloader } from './reload.ts';
import { type Certificate, checkCertificate } from './tls.ts';

const DRAIN_SECONDS = 10;
const ADMIN_GRACE_MS = 1000;
/** Long-lived clients keep their connections; a slow head or body must not keep a socket for ever. */
const TRAFFIC = {
  keepAliveTimeout: 75_000,
  headersTimeout: 20_000,
  requestTimeout: 60_000,
  maxHeaderSize: 32_768,
  // A client that vanished without a word (asleep, out of the network) holds its event stream and session for ever else.
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
  // How often heads and bodies are looked at that take too long.
  connectionsCheckingInterval: 5000,
  // Node would show the first one only, and the upstream gets them all: two credentials must not pass for one.
  joinDuplicateHeaders: true,
};

/**
 * Starts a guard.
 * @throws AllclearError `E_BAD_VALUE` (upstream, lever, address, state), `E_PORT_IN_USE`, `E_STORE_BUSY` (state)
 */
export async function startGuard(options: GuardOptions): Promise<Guard> {
  const traffic = parseAddress(options.listen ?? '127.0.0.1:8080', 'listen');
  const admin = parseAddress(options.admin ?? '127.0.0.1:9090', 'admin');
  const authAddress = parseAddress(options.authListen ?? '127.0.0.1:8081', 'auth-listen');
  const { context, desk, auth, close } = assemble(options);
  const certificate = options.tls ? checkCertificate(options.tls) : null;
  const server = makeServer(TRAFFIC, certificate, trafficListener(context, isLoopback(traffic.host)));
  const authServer = makeServer(TRAFFIC, certificate);
  const renew = (next: Certificate) => {
    const checked = checkCertificate(next);
    for (const one of [server, authServer]) if (one instanceof TlsServer) one.setSecureContext(checked);
  };
  const reload = reloader(desk, options, renew);
  const serveAdmin = adminListener({ context, desk, reload, token: options.token ?? '' });
  const ready = Promise.withResolvers<void>();
  const adminServer = makeServer({ requestTimeout: 10_000 }, null, (req, res) => {
    void ready.promise.then(() => serveAdmin(req, res));
  });
  try {
    const adminUrl = await listen(adminServer, admin, '--admin');
    if (options.state) await desk.keepIn(options.state);
    await context.fleet.set(parseUpstreams(context.levers.get('UPSTREAMS').value));
    const listenUrl = await listen(server, traffic, '--listen');
    let authUrl: string | null = null;
    if (auth) {
      authServer.on('request', await auth.open(isLoopback(authAddress.host), context.metrics.tokens));
      authUrl = await listen(authServer, authAddress, '--auth-listen');
    }
    const own = authUrl === null ? [listenUrl] : [listenUrl, authUrl];
    desk.listensOn(own);
    if (options.authUpstream !== undefined) refuseOwnListener([options.authUpstream], own, '--auth-upstream');
    ready.resolve();
    const graceMs = (options.drainSeconds ?? DRAIN_SECONDS) * 1000;
    const stop = once(async () => {
      context.draining = true;
      context.queue.close();
      auth?.stop();
      context.streams.endAll();
      await Promise.all([closeServer(server, graceMs), closeServer(authServer, graceMs)]);
      await closeServer(adminServer, ADMIN_GRACE_MS);
      await desk.close();
      close();
    });
    return { listenUrl, adminUrl, authUrl, reload, renew, stop };
  } catch (error) {
    server.close();
    authServer.close();
    adminServer.close();
    await desk.close();
    close();
    throw error;
  }
}

function once(task: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  return () => (running ??= task());
}
