/** `allclear serve`: the incident service, put together from its parts and taken apart in reverse order. */
import { setImmediate as turn } from 'node:timers/promises';
import { type Actor, type Desk, planNext, policyWarnings } from '../engine/index.ts';
import { type AlertIntake, createIntake, parseWebhook } from '../intake/index.ts';
import { parseAddress, systemClock } from '../kernel/index.ts';
import { announce } from '../notify/index.ts';
import { createServer, mcpRoutes, type RequestLogging } from '../server/index.ts';
import { listTokens } from '../store/index.ts';
import { publishSettings } from './desk-settings.ts';
import { locateHome, openHomeStore } from './home.ts';
import { keepLedger } from './ledger-keeper.ts';
import { openLibrary } from './library.ts';
import { Parts } from './parts.ts';
import { serviceAccess } from './service-access.ts';
import { openAgents } from './service-agents.ts';
import { readServiceConfig } from './service-config.ts';
import { Health } from './service-health.ts';
import { drain, listen } from './service-listen.ts';
import { serviceNotifier } from './service-notifier.ts';
import { type ServiceWorkOptions, sitesOf, startServiceWork } from './service-work.ts';
import { VERSION } from './version.ts';

export interface ServeOptions extends Omit<ServiceWorkOptions, 'desk' | 'sandbox'> {
  /** `host:port`. */
  readonly listen: string;
  /** Files and folders; none: `./runbooks` when there is one, else the shipped ones. */
  readonly runbooks: readonly string[];
  readonly config?: string | undefined;
  /** Where people reach it, when a name or a proxy stands before it. */
  readonly publicUrl?: string | undefined;
  readonly logRequests: RequestLogging;
}

/** A service that runs. */
export interface Service {
  /** Where it listens. */
  readonly url: string;
  readonly store: string;
  readonly runbooks: number;
  /** The name of its worker; null without one. */
  readonly worker: string | null;
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
    parts.add(() => library.close());
    await publishSettings(store, config);
    const ids = library.list().map(({ id }) => id);
    for (const what of policyWarnings(config.policies, ids)) log({ event: 'policy-warning', what });
    const desk: Desk = {
      store,
      clock,
      library,
      policies: config.policies,
      params: config.params,
      secrets: secretsIn(env),
      onChange: announce,
    };
    const publicUrl = options.publicUrl ?? config['public-url']?.href ?? null;
    const notifier = await serviceNotifier(config.notifications, { store, log, env, cwd, publicUrl });
    parts.add(() => notifier.stop());
    const intake = createIntake({
      store,
      clock,
      plan: planNext(desk),
      runbooks: () => library.list(),
      actor: 'alertmanager',
      identifyingLabels: config['identify-by'],
      siteLabel: config['site-label'],
      stillFiringMs: config['still-firing-seconds'] * 1000,
    });
    parts.add(() => intake.stop());
    const sites = sitesOf(store, options.sites);
    const { surroundings } = options;
    const { sandbox } = config;
    const agents = await openAgents({ desk, surroundings, sandbox, sites, env, cwd });
    parts.add(() => agents.close());
    parts.add(keepLedger(store, clock, log));
    const health = new Health(store, () => clock.monotonic());
    const app = await createServer({
      desk,
      log,
      logRequests: options.logRequests,
      shelf: library,
      version: VERSION,
      access: await serviceAccess(config, { store, clock, env, cwd, publicUrl: options.publicUrl }),
      trustProxy: config['trust-proxy'],
      deliver: deliverTo(intake),
      ready: () => health.look(),
      extend: (routes) => mcpRoutes(routes, { desk: agents.desk, version: VERSION, log }),
    });
    parts.add(() => drain(app, options.drainSeconds, clock));
    const url = await listen(app, address);
    // Last: a service that cannot start has done no work.
    const work = await startServiceWork({ ...options, sites, desk, sandbox });
    parts.add(async () => {
      health.drain();
      await Promise.all([drain(app, options.drainSeconds, clock), work.stop()]);
    });
    const tokens = await listTokens(store.db);
    return {
      url,
      store: store.location,
      runbooks: library.all().length,
      worker: work.worker,
      noTokens: tokens.length === 0,
      stop: () => parts.stop(),
    };
  } catch (error) {
    await parts.stop();
    throw error;
  }
}

/** What must never be stored or shown, whoever writes it into a note. */
function secretsIn(env: ServeOptions['env']): readonly string[] {
  const names = ['ALLCLEAR_GUARD_TOKEN', 'ALLCLEAR_PROMETHEUS_TOKEN', 'ALLCLEAR_WEBHOOK_SECRET'];
  return names.map((name) => env[name] ?? '').filter((secret) => secret !== '');
}

function deliverTo(intake: AlertIntake) {
  return async (body: unknown, actor: Actor) => {
    const { alerts, truncated } = parseWebhook(body);
    // A large delivery takes a while to read: others get their turn before it is kept.
    await turn();
    const received = await intake.accept(alerts, { truncated, actor: actor.name });
    const incidents = new Set(received.flatMap(({ incident }) => (incident === null ? [] : [incident])));
    return { alerts: alerts.length, incidents: [...incidents] };
  };
}
