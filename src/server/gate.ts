/**
 * The gate: every route names who may use it, and one hook asks before anything else of a request is looked at.
 * A route that names nobody cannot be registered, so nothing is open by mistake.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Actor, type Role, requireRole } from '../engine/index.ts';
import { AllclearError } from '../kernel/index.ts';
import type { App } from './app.ts';

/**
 * Who may use a route: anybody; Alertmanager and its like, as the webhook's own secret says; or people and
 * programs with at least this role.
 */
export type RouteAccess = Role | 'anyone' | 'webhook';

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: RouteAccess;
    /** A page for people: a browser that nobody has logged in with is sent to the log-in. */
    page?: true;
    /** Where 429 would be taken for something else, too many requests are answered 503. */
    busyInsteadOfTooMany?: true;
  }
  interface FastifyRequest {
    /** Who asks; null on routes for anyone. */
    actor: Actor | null;
  }
}

/** Knows who asks. */
export interface Access {
  /**
   * Who asks with this request; called again now and then for a stream that stays open.
   * @throws `E_UNAUTHORIZED` when nobody knows
   */
  authenticate(request: FastifyRequest): Promise<Actor>;
  /**
   * Who delivers alerts.
   * @throws `E_UNAUTHORIZED`
   */
  authenticateWebhook(request: FastifyRequest): Promise<Actor>;
  /** Adds hooks that come before the gate: Host and Origin, headers, rate limits. */
  install?(app: FastifyInstance): Promise<void>;
  /** Adds routes of its own. */
  routes?(app: App): void;
}

/** Puts the gate in front of every route that is registered after it. */
export function addGate(app: FastifyInstance, access: Access): void {
  app.decorateRequest('actor', null);
  app.addHook('onRoute', ({ url, method, config }) => {
    if (config?.access === undefined)
      throw new TypeError(`${String(method)} ${url} does not say who may use it`);
  });
  app.addHook('onRequest', async (request) => {
    if (request.is404) return;
    const needed = request.routeOptions.config.access ?? 'admin';
    if (needed === 'anyone') return;
    request.actor = await authenticate(access, request, needed);
    if (needed !== 'webhook') requireRole(request.actor, needed, 'this');
  });
}

async function authenticate(access: Access, request: FastifyRequest, needed: RouteAccess): Promise<Actor> {
  if (needed === 'webhook') return access.authenticateWebhook(request);
  try {
    return await access.authenticate(request);
  } catch (error) {
    const tooMany = error instanceof AllclearError && error.code === 'E_RATE_LIMITED';
    if (!tooMany || !request.routeOptions.config.busyInsteadOfTooMany) throw error;
    throw new AllclearError('E_OVERLOADED', { ...error.details, cause: error });
  }
}

/** Who asks, on a route that is not for anyone. */
export function actorOf(request: FastifyRequest): Actor {
  if (request.actor) return request.actor;
  throw new TypeError(`${request.url} is for anyone, and nobody was asked`);
}
