/** Puts a guard together, and takes it apart again. */
import { Server as TlsServer } from 'node:tls';
import { type Clock, systemClock } from '../kernel/index.ts';
import { adminListener } from './admin.ts';
import { AuthFront } from './auth.ts';
import { boardBase, LeverDesk } from './levers/desk.ts';
import { noRunner, type RunCommand } from './levers/driver.ts';
import type { Log } from './log.ts';
import { GuardMetrics } from './metrics.ts';
import { closeServer, isLoopback, listen, makeServer, parseAddress } from './net.ts';
import { openingQueue } from './opening-queue.ts';
import { BodyBudget } from './plane/body.ts';
import { CancellableCalls } from './plane/cancellable.ts';
import type { InitializeCounts, PlaneContext } from './plane/context.ts';
import { endSurplus } from './plane/end-session.ts';
import { Fleet } from './plane/fleet.ts';
import { trafficListener } from './plane/listener.ts';
import { RequestLog, type RequestLogging } from './plane/request-log.ts';
import { StreamSet } from './plane/streams.ts';
import type { LeverEvent } from './policy/lever-model.ts';
import { LeverBoard } from './policy/levers.ts';
import { SessionRoom } from './policy/session-room.ts';
import { SessionTable } from './policy/sessions.ts';
import { Sharing } from './policy/sharing.ts';
import { ExpiryCalendar } from './policy/token-expiry.ts';
import { Tools } from './policy/tools.ts';
import { parseUpstreams } from './policy/upstream-urls.ts';
import { UpstreamSet } from './policy/upstreams.ts';
import { type GuardSettings, leverSettings, type Reloaded, reloader } from './reload.ts';
import { type Certificate, checkCertificate, trusting } from './tls.ts';

const SESSION_LIMITS = {
  maxEntries: 100_000,
  idleSeconds: 1800,
  activeSeconds: 60,
  maxLost: 100_000,
  lostSeconds: 600,
};
const SWEEP_MS = 5000;
const LOOK_MS = 100;
const DRAIN_SECONDS = 10;
const ADMIN_GRACE_MS = 1000;
/** Long-lived clients keep their connections; a slow head or body must not keep a socket for ever. */
const TRAFFIC = {
  keepAliveTimeout: 75_000,
  headersTimeout: 20_000,
  requestTimeout: 60_000,
  maxHeaderSize: 32_768,
  // How often heads and bodies are looked at that take too long.
  connectionsCheckingInterval: 5000,
};

export interface GuardOptions extends GuardSettings {
  /** Gives the settings that count now, for `reload`. Errors refuse them. */
  readonly reread?: (() => Promise<GuardSettings>) | undefined;
  /** `host:port` for MCP traffic; port 0 takes a free one. Default 127.0.0.1:8080. */
  readonly listen?: string;
  /** `host:port` for metrics and levers. Default 127.0.0.1:9090. */
  readonly admin?: string;
  /** URL of the authorization server to front; without it none is. */
  readonly authUpstream?: string;
  /** `host:port` for the authorization server's traffic. Default 127.0.0.1:8081. */
  readonly authListen?: string;
  /** What writes to levers must carry; without it levers are read-only. */
  readonly token?: string;
  /** PEM certificates of authorities to trust at https upstreams, besides those of the system. */
  readonly upstreamCa?: string | undefined;
  /** How long a stop waits for answers in progress. Default 10. */
  readonly drainSeconds?: number | undefined;
  /** Runs the commands of drivers. Needed when there are drivers. */
  readonly run?: RunCommand;
  /** The file that keeps held levers over a restart. Default: a restart forgets them. */
  readonly state?: string | null;
  /** Gets one object per notice (lever changes, upstreams going up and down). Default: nothing is logged. */
  readonly log?: Log;
  /** False: nothing is cached, and no two requests share an answer. Default true. */
  readonly cache?: boolean;
  /** Which requests are logged, one object each: those that failed, or all. Default none. */
  readonly logRequests?: RequestLogging | undefined;
  readonly clock?: Clock;
  /** Gives [0, 1); for tests. */
  readonly random?: () => number;
}

export interface Guard {
  /** `http://host:port` of the traffic listener. */
  readonly listenUrl: string;
  /** `http://host:port` of the metrics and levers. */
  readonly adminUrl: string;
  /** `http://host:port` of the authorization server's front; null without one. */
  readonly authUrl: string | null;
  /**
   * Takes up settings that have changed, as a whole or not at all; what is held stays held over them.
   * Errors: `E_USAGE` (nothing to read anew), what reading throws, and as `LeverDesk.reconfigure`.
   * @param by who asked, for the log: `SIGHUP`
   */
  reload(by: string): Promise<Reloaded>;
  /** New connections get this certificate from now on. @throws AllclearError `E_BAD_VALUE` */
  renew(certificate: Certificate): void;
  /**
   * Takes no more connections, is not ready any more, refuses who waits, ends streams, lets answers in progress
   * finish for up to `drainSeconds`, then cuts. Metrics can be read until the end.
   */
  stop(): Promise<void>;
}

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

interface Assembled {
  readonly context: PlaneContext;
  readonly desk: LeverDesk;
  readonly auth: AuthFront | null;
  readonly close: () => void;
}

/** Makes the policy and the plane, and connects them. */
function assemble(options: GuardOptions): Assembled {
  const { clock = systemClock, random = Math.random, log = nothing } = options;
  const settings = leverSettings(options);
  const levers = new LeverBoard(clock, boardBase(settings), (event) => react(event));
  const desk = new LeverDesk(clock, levers, options.run ?? noRunner, settings, log);
  // A session is one too many once it is there: it takes its place before another must go.
  const sessions = new SessionTable(clock, SESSION_LIMITS, () => endSurplus(context));
  const sessionRoom = new SessionRoom(sessions, () => levers.values);
  const upstreams = new UpstreamSet(clock);
  const initializes: InitializeCounts = { pending: 0, expected: 0 };
  const queue = openingQueue({ clock, levers, sessionRoom, upstreams, initializes });
  const streams = new StreamSet(clock, levers, random);
  const tools = new Tools(
    clock,
    random,
    (tool) => levers.values.tool(tool),
    ({ tool, open }) => log({ event: open ? 'tool-breaker-open' : 'tool-breaker-closed', tool }),
  );
  const budget = new BodyBudget();
  const tokens = new ExpiryCalendar(clock);
  const { authUpstream: url } = options;
  const ca = options.upstreamCa === undefined ? undefined : trusting(options.upstreamCa);
  const auth =
    url === undefined ? null : new AuthFront({ url, clock, random, levers, budget, tokens, log, ca });
  const sharing = options.cache === false ? null : new Sharing(clock);
  const metrics = new GuardMetrics({
    tools,
    sharing,
    sessions,
    upstreams,
    levers,
    listLevers: () => desk.list(),
    pendingInitializes: () => initializes.pending,
    openStreams: () => streams.size,
    tokens,
    auth,
  });
  const fleet = new Fleet({ clock, upstreams, sessions, changed: () => fleetChanged(), log, ca });
  const context = {
    clock,
    random,
    levers,
    sessions,
    sessionRoom,
    upstreams,
    queue,
    metrics,
    budget,
    fleet,
    streams,
    initializes,
    tools,
    tokens,
    authUp: () => auth?.up ?? true,
    requestLog: new RequestLog(log, options.logRequests ?? 'none'),
    draining: false,
    cancellable: new CancellableCalls(),
    sharing,
  };

  function fleetChanged(): void {
    if (upstreams.all.some(({ active, up }) => active && !up)) sharing?.results.lost();
    queue.poke();
  }

  function react(event: LeverEvent): void {
    log({ ...event });
    desk.boardChanged();
    if (event.name === 'UPSTREAMS') sharing?.results.clear();
    if (event.name === 'UPSTREAMS') void fleet.set(parseUpstreams(event.to)).then(() => queue.update());
    if (event.name === 'RECONNECT_JITTER_SECONDS') streams.stampAll();
    if (event.name.startsWith('TOOL_')) tools.update();
    queue.update();
    auth?.update();
  }

  const cancelSweep = every(clock, SWEEP_MS, () => {
    sessions.sweep();
    fleet.sweep();
  });
  // Nothing tells when a session has become idle, or the rest of a handshake was given up: look now and then.
  const cancelLook = every(clock, LOOK_MS, () => {
    endSurplus(context);
    queue.poke();
  });
  return {
    context,
    desk,
    auth,
    close: () => {
      cancelSweep();
      cancelLook();
      levers.close();
      queue.close();
      auth?.close();
      fleet.close();
    },
  };
}

/** Does the task again and again; the returned function ends it. */
function every(clock: Clock, ms: number, task: () => void): () => void {
  let cancel = nothing;
  const wait = () => {
    cancel = clock.after(ms, () => {
      task();
      wait();
    });
  };
  wait();
  return () => cancel();
}

function nothing(): void {}

function once(task: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  return () => (running ??= task());
}
