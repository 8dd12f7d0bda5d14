/** Who comes in: tokens, log-ins, the webhook's secret; and what is asked of every request before. */
import cookie from '@fastify/cookie';
import helmet from '@fastify/helmet';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Actor, requireRole, tokenActor } from '../../engine/index.ts';
import { AllclearError } from '../../kernel/index.ts';
import type { Store } from '../../store/index.ts';
import type { App } from '../app.ts';
import type { Access } from '../gate.ts';
import { sessionCookie } from './cookies.ts';
import { type Credential, readAuthorization } from './credentials.ts';
import { type OwnNames, requireOwnNames, requireOwnPage } from './hosts.ts';
import type { IdentityProvider } from './identity-provider.ts';
import { type Limits, type RequestLimits, requestLimits } from './limits.ts';
import { logInRoutes } from './log-in-routes.ts';
import type { OidcConfig } from './oidc-config.ts';
import { securityHeaders } from './security-headers.ts';
import { type SessionTimes, sessionActor } from './sessions.ts';
import { tokenRoutes } from './token-routes.ts';
import { isWebhookSecret, type WebhookSecret } from './webhook-secret.ts';

export interface AccessOptions {
  readonly store: Store;
  readonly own: OwnNames;
  readonly limits: RequestLimits;
  /** Null: the webhook takes tokens only. */
  readonly webhook: WebhookSecret | null;
  readonly session: SessionTimes;
  /** Who logs people in; null: nobody. */
  readonly oidc: { readonly config: OidcConfig; readonly provider: IdentityProvider } | null;
}

const WEBHOOK_ACTOR: Actor = { name: 'alertmanager', role: 'responder', via: 'token' };

/** The gate asks it who calls. */
export class ServiceAccess implements Access {
  readonly #options: AccessOptions;
  #limits: Limits | null = null;

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** Adds what stands before every route: security headers, our own names only, cookies, counters. */
  async install(app: FastifyInstance): Promise<void> {
    const { own } = this.#options;
    await app.register(helmet, securityHeaders(own));
    app.addHook('onRequest', async ({ headers }) => requireOwnNames(headers, own));
    await app.register(cookie);
    this.#limits = await requestLimits(app, this.#options.limits);
  }

  routes(app: App): void {
    const { store, own, session, oidc } = this.#options;
    logInRoutes(app, { own, store, limits: this.limits, logIn: oidc && { ...oidc, store, session } });
    tokenRoutes(app, store);
  }

  /**
   * Who calls: by token, else by the log-in's cookie.
   * @throws `E_UNAUTHORIZED`, `E_ORIGIN` for a change by cookie from elsewhere, `E_RATE_LIMITED`
   */
  async authenticate(request: FastifyRequest): Promise<Actor> {
    const credential = readAuthorization(request.headers.authorization);
    const actor = credential ? await this.#byToken(request, credential) : await this.#byCookie(request);
    await this.limits.ofActor(request, actor);
    return actor;
  }

  /**
   * Who delivers alerts. Alertmanager does not try again what was answered 429: it gets 503.
   * @throws `E_UNAUTHORIZED`, `E_FORBIDDEN`, `E_OVERLOADED`
   */
  async authenticateWebhook(request: FastifyRequest): Promise<Actor> {
    try {
      return await this.#webhook(request);
    } catch (error) {
      if (!(error instanceof AllclearError) || error.code !== 'E_RATE_LIMITED') throw error;
      throw new AllclearError('E_OVERLOADED', { ...error.details, cause: error });
    }
  }

  get limits(): Limits {
    if (this.#limits) return this.#limits;
    throw new TypeError('install comes first');
  }

  async #byToken(request: FastifyRequest, credential: Credential): Promise<Actor> {
    try {
      return await tokenActor(this.#options.store, credential.kind === 'bearer' ? credential.value : '');
    } catch (error) {
      // A right token, which nobody guesses, always comes in: its neighbours at the address may be wrong.
      if (isUnauthorized(error)) await this.limits.ofFailures(request);
      throw error;
    }
  }

  async #byCookie(request: FastifyRequest): Promise<Actor> {
    const { store, own, session } = this.#options;
    const value = request.cookies[sessionCookie(own)];
    const actor = value === undefined ? null : await sessionActor(store, value, session);
    if (!actor) {
      await this.limits.ofAddress(request);
      throw new AllclearError('E_UNAUTHORIZED', {
        what: value === undefined ? 'this needs a token or a log-in' : 'the log-in has ended',
        next: 'Send `Authorization: Bearer allclear_…` (`allclear token create` makes one), or log in at /login.',
      });
    }
    if (!/^(?:GET|HEAD)$/.test(request.method)) requireOwnPage(request.headers, own);
    return actor;
  }

  async #webhook(request: FastifyRequest): Promise<Actor> {
    const { webhook, store } = this.#options;
    const credential = readAuthorization(request.headers.authorization);
    if (!credential) {
      await this.limits.ofAddress(request);
      throw noWebhook('the webhook needs its secret, or a token');
    }
    const token = await tokenActor(store, secretOf(credential)).catch(nobody);
    if (token) {
      requireRole(token, 'responder', 'the webhook');
      return token;
    }
    // A secret is a person's choice and can be guessed: after many wrong ones it is not even compared.
    await this.limits.requireFewFailures(request);
    if (webhook && isWebhookSecret(credential, webhook)) return WEBHOOK_ACTOR;
    await this.limits.ofFailures(request);
    throw noWebhook(webhook ? 'the secret is wrong' : 'the token is not valid, and no secret is configured');
  }
}

function secretOf(credential: Credential): string {
  return credential.kind === 'bearer' ? credential.value : credential.password;
}

/** What is no valid token may still be the webhook's secret. */
function nobody(error: unknown): null {
  if (isUnauthorized(error)) return null;
  throw error;
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof AllclearError && error.code === 'E_UNAUTHORIZED';
}

function noWebhook(what: string): AllclearError {
  return new AllclearError('E_UNAUTHORIZED', {
    what,
    next: 'Alertmanager sends the secret of ALLCLEAR_WEBHOOK_SECRET as `authorization` or `basic_auth`; a token of a responder will do as well.',
  });
}
