/** Puts a guard together, and takes it apart again. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AllclearError, type Clock, systemClock, systemCode } from '../kernel/index.ts';
import { adminListener } from './admin.ts';
import { AuthFront } from './auth.ts';
import { LeverDesk } from './levers/desk.ts';
import type { Log } from './log.ts';
import { GuardMetrics } from './metrics.ts';
import { BodyBudget } from './plane/body.ts';
import { CancellableCalls } from './plane/cancellable.ts';
import type { InitializeCounts, PlaneContext, Sharing } from './plane/context.ts';
import { Fleet } from './plane/fleet.ts';
import { trafficListener } from './plane/listener.ts';
import { MAX_SHARED_BYTES } from './plane/shared-reply.ts';
import { StreamSet } from './plane/streams.ts';
import { AdmissionQueue, type Gate } from './policy/admission.ts';
import { Changes } from './policy/changes.ts';
import type { Speech } from './policy/eras.ts';
import { Flights } from './policy/flights.ts';
import { LeverBoard, type LeverEvent } from './policy/levers.ts';
import { paceOf } from './policy/pressure.ts';
import { ResultCache } from './policy/result-cache.ts';
import { SessionTable } from './policy/sessions.ts';
import { ExpiryCalendar } from './policy/token-expiry.ts';
import { Tools } from './policy/tools.ts';
import { parseUpstreams, UpstreamSet } from './policy/upstreams.ts';

const MAX_WAITING = 10_000;
const SESSION_LIMITS = {
  maxEntries: 100_000,
  idleSeconds: 1800,
  activeSeconds: 60,
  maxLost: 100_000,
  lostSeconds: 600,
};
const CACHE_LIMITS = {
  maxEntries: 2000,
  maxBytes: 64 * 1024 * 1024,
  // Texts are counted at two bytes a character.
  maxEntryBytes: 2 * MAX_SHARED_BYTES + 16 * 1024,
  staleSeconds: 600,
  maxAccepted: 100_000,
  acceptedSeconds: 300,
};
const SWEEP_MS = 5000;
const LOOK_MS = 100;
const STOP_GRACE_MS = 2000;
/** Long-lived clients keep their connections; a slow head or body must not keep a socket for ever. */
const TRAFFIC = {
  keepAliveTimeout: 75_000,
  headersTimeout: 20_000,
  requestTimeout: 60_000,
  maxHeaderSize: 32_768,
};

export interface GuardOptions {
  /** URLs of the upstreams: the base of the lever UPSTREAMS. */
  readonly upstreams: readonly string[];
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
  /** Values of the levers at start, by name, as in the environment. */
  readonly levers?: Readonly<Record<string, string | undefined>>;
  /** The file that keeps held levers over a restart. Default: a restart forgets them. */
  readonly state?: string | null;
  /** Gets one object per notice (lever changes, upstreams going up and down). Default: nothing is logged. */
  readonly log?: Log;
  /** False: nothing is cached, and no two requests share an answer. Default true. */
  readonly cache?: boolean;
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
  /** Takes no more requests, ends streams, lets answers finish for up to 2 s, then cuts. */
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
  const server = createServer(TRAFFIC, trafficListener(context, isLoopback(traffic.host)));
  const authServer = createServer(TRAFFIC);
  const serveAdmin = adminListener(context, desk, options.token ?? '');
  const ready = Promise.withResolvers<void>();
  const adminServer = createServer({ requestTimeout: 10_000 }, (req, res) => {
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
    const stop = once(async () => {
      context.queue.close();
      auth?.stop();
      context.streams.endAll();
      await Promise.all([closeServer(server), closeServer(authServer), closeServer(adminServer)]);
      await desk.close();
      close();
    });
    return { listenUrl, adminUrl, authUrl, stop };
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
  const base = { ...options.levers, UPSTREAMS: options.upstreams.join(',') };
  const levers = new LeverBoard(clock, base, (event) => react(event));
  const desk = new LeverDesk(clock, levers, log);
  const sessions = new SessionTable(clock, SESSION_LIMITS);
  const upstreams = new UpstreamSet(clock);
  const initializes: InitializeCounts = { pending: 0, expected: 0 };
  const pace = () => paceOf(levers.values);
  const gate = (lane: string): Gate => {
    const { maxSessions } = levers.values;
    if (lane === 'older' && maxSessions > 0 && sessions.size + initializes.expected >= maxSessions)
      return 'full';
    return upstreams.canTake(pace(), speechOf(lane)) ? 'open' : 'hold';
  };
  const limits = (lane: string) => ({
    ratePerSecond: levers.values.maxInitPerSecond,
    // Without a pace nobody is sent away from a server that works, however slowly: clients know their patience.
    queueSeconds:
      pace() !== 'free' || !upstreams.isAvailable(speechOf(lane))
        ? levers.values.initQueueSeconds
        : Number.POSITIVE_INFINITY,
    maxWaiting: MAX_WAITING,
  });
  const queue = new AdmissionQueue(clock, limits, gate);
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
  const auth = url === undefined ? null : new AuthFront({ url, clock, random, levers, budget, tokens, log });
  const sharing = options.cache === false ? null : makeSharing(clock);
  const metrics = new GuardMetrics({
    tools,
    results: sharing?.results ?? null,
    sessions,
    upstreams,
    levers,
    pendingInitializes: () => initializes.pending,
    openStreams: () => streams.size,
    tokens,
    auth,
  });
  const fleet = new Fleet(clock, upstreams, sessions, () => fleetChanged(), log);
  const context = {
    clock,
    random,
    levers,
    sessions,
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

  let cancelSweep = nothing;
  const sweep = () => {
    sessions.sweep();
    fleet.sweep();
    cancelSweep = clock.after(SWEEP_MS, sweep);
  };
  sweep();
  // Nothing tells when the rest of a handshake is no longer late by being given up: look again now and then.
  let cancelLook = nothing;
  const look = () => {
    if (levers.values.initAuto) queue.poke();
    cancelLook = clock.after(LOOK_MS, look);
  };
  look();
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

/** Openings wait in the lane of what their upstream must speak. */
function speechOf(lane: string): Speech {
  return lane === 'newer' ? 'newer' : 'older';
}

function makeSharing(clock: Clock): Sharing {
  const results = new ResultCache(clock, CACHE_LIMITS);
  return { results, flights: new Flights(clock, results), changes: new Changes(clock) };
}

function nothing(): void {}

interface Address {
  readonly host: string;
  readonly port: number;
}

function parseAddress(text: string, option: string): Address {
  const match = /^(?:(?<host>\[[0-9a-fA-F:.]+\]|[^\s:[\]]*):)?(?<port>\d{1,5})$/.exec(text.trim());
  const port = Number(match?.groups?.['port']);
  if (!match || port > 65_535) {
    throw new AllclearError('E_BAD_VALUE', {
      what: `--${option} cannot be "${text.slice(0, 100)}"`,
      next: 'It takes host:port, for example 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080; port 0 takes a free one.',
    });
  }
  return { host: match.groups?.['host']?.replace(/^\[|\]$/g, '') || '127.0.0.1', port };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function listen(server: Server, { host, port }: Address, option: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const shown = `${host.includes(':') ? `[${host}]` : host}:${port}`;
      if (systemCode(error) === 'EADDRINUSE') {
        const what = `another program already listens on ${shown}`;
        reject(
          new AllclearError('E_PORT_IN_USE', {
            what,
            next: `Stop it, or choose another address with ${option} (port 0 takes a free one).`,
            cause: error,
          }),
        );
      } else {
        const what = `cannot listen on ${shown}: ${error.message}`;
        reject(
          new AllclearError('E_BAD_VALUE', {
            what,
            next: `Choose an address of this machine with ${option}.`,
            cause: error,
          }),
        );
      }
    });
    // A storm's connections queue in the kernel rather than being dropped.
    server.listen({ host, port, backlog: 4096 }, () => {
      const address = server.address() as AddressInfo;
      const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
      resolve(`http://${name}:${address.port}`);
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), STOP_GRACE_MS);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}

function once(task: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  return () => (running ??= task());
}
