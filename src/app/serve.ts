/** `allclear serve`: the incident service, put together from its parts and taken apart in reverse order. */
import type { Actor } from '../engine/index.ts';
import { type AlertIntake, createIntake, parseWebhook } from '../intake/index.ts';
import {
  AllclearError,
  type Clock,
  type Log,
  parseAddress,
  systemClock,
  systemCode,
} from '../kernel/index.ts';
import { type App, createServer, type Readiness } from '../server/index.ts';
import { listTokens, type Store } from '../store/index.ts';
import { locateHome, openHomeStore } from './home.ts';
import { openLibrary } from './library.ts';
import { serviceAccess } from './service-access.ts';
import { readServiceConfig } from './service-config.ts';
import { serviceNotifier } from './service-notifier.ts';
import { VERSION } from './version.ts';

export interface ServeOptions {
  /** `host:port`. */
  readonly listen: string;
  /** Files and folders; none: `./runbooks` when there is one, else the shipped ones. */
  readonly runbooks: readonly string[];
  readonly config?: string | undefined;
  /** Where people reach it, when a name or a proxy stands before it. */
  readonly publicUrl?: string | undefined;
  /** Seconds that a stop waits for answers in progress. */
  readonly drainSeconds: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly log: Log;
}

/** A service that runs. */
export interface Service {
  /** Where it listens. */
  readonly url: string;
  readonly store: string;
  readonly runbooks: number;
  /** Nobody can come in yet. */
  readonly noTokens: boolean;
  /** Takes no more requests, finishes those in progress, and takes everything apart. */
  stop(): Promise<void>;
}

/**
 * Starts the service. What was started is stopped again when a later part fails.
 * Errors: `E_CONFIG_FILE`, those of the library and of the store, `E_PORT_IN_USE`, `E_BAD_VALUE` for the address
 */
export async function startService(options: ServeOptions): Promise<Service> {
  const { env, cwd, log } = options;
  const clock = systemClock;
  const parts = new Parts();
  try {
    const address = parseAddress(options.listen, 'listen');
    const config = await readServiceConfig(options.config, env, cwd);
    const store = await openHomeStore(locateHome(env, cwd));
    parts.add(() => store.close());
    const library = await openLibrary({ paths: options.runbooks, cwd, clock, log });
    parts.add(async () => library.close());
    const intake = createIntake({
      store,
      clock,
      runbooks: () => library.list(),
      actor: 'alertmanager',
      identifyingLabels: config['identify-by'],
      siteLabel: config['site-label'],
      stillFiringMs: config['still-firing-seconds'] * 1000,
    });
    parts.add(() => intake.stop());
    const publicUrl = options.publicUrl ?? config['public-url']?.href ?? null;
    const notifier = await serviceNotifier(config.notifications, { store, log, env, cwd, publicUrl });
    parts.add(() => notifier.stop());
    const health = new Health(store);
    const app = await createServer({
      store,
      clock,
      log,
      shelf: library,
      version: VERSION,
      access: await serviceAccess(config, { store, clock, env, cwd, publicUrl: options.publicUrl }),
      trustProxy: config['trust-proxy'],
      deliver: deliverTo(intake),
      ready: () => health.look(),
    });
    parts.add(() => drain(app, options.drainSeconds, clock));
    const url = await listen(app, address);
    parts.add(async () => health.drain());
    const tokens = await listTokens(store.db);
    return {
      url,
      store: store.location,
      runbooks: library.all().length,
      noTokens: tokens.length === 0,
      stop: () => parts.stop(),
    };
  } catch (error) {
    await parts.stop();
    throw error;
  }
}

/** What has been started, for stopping in reverse order. */
class Parts {
  readonly #stops: (() => Promise<void>)[] = [];

  add(stop: () => Promise<void>): void {
    this.#stops.push(stop);
  }

  async stop(): Promise<void> {
    for (let stop = this.#stops.pop(); stop; stop = this.#stops.pop()) await stop();
  }
}

/** Whether requests may be sent here. */
class Health {
  readonly #store: Store;
  #draining = false;

  constructor(store: Store) {
    this.#store = store;
  }

  drain(): void {
    this.#draining = true;
  }

  async look(): Promise<Readiness> {
    const store = await this.#store
      .write(async (tx) => tx.selectFrom('meta').select('key').limit(1).execute())
      .then(() => 'ok')
      .catch((error: unknown) => (error instanceof AllclearError ? error.code : 'E_STORE_UNUSABLE'));
    const draining = this.#draining;
    return {
      ready: store === 'ok' && !draining,
      checks: { store, server: draining ? 'is stopping' : 'ok' },
    };
  }
}

function deliverTo(intake: AlertIntake) {
  return async (body: unknown, actor: Actor) => {
    const { alerts, truncated } = parseWebhook(body);
    const received = await intake.accept(alerts, { truncated, actor: actor.name });
    const incidents = new Set(received.flatMap(({ incident }) => (incident === null ? [] : [incident])));
    return { alerts: alerts.length, incidents: [...incidents] };
  };
}

/** @throws AllclearError `E_PORT_IN_USE`, `E_BAD_VALUE` (not an address of this machine) */
async function listen(app: App, { host, port }: { host: string; port: number }): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (cause) {
    const shown = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    if (systemCode(cause) === 'EADDRINUSE') {
      throw new AllclearError('E_PORT_IN_USE', {
        what: `another program already listens on ${shown}`,
        next: 'Stop it, or choose another address with --listen (port 0 takes a free one).',
        cause,
      });
    }
    throw new AllclearError('E_BAD_VALUE', {
      what: `cannot listen on ${shown} (${systemCode(cause) ?? String(cause)})`,
      next: 'Choose an address of this machine with --listen.',
      cause,
    });
  }
}

/** Ends the server; answers that take longer than the drain are cut. */
async function drain(app: App, seconds: number, clock: Clock): Promise<void> {
  const cancel = clock.after(seconds * 1000, () => app.server.closeAllConnections());
  await app.close();
  cancel();
}
