/** `/login`, `/login/callback` and `/logout`, for people with a browser. */
import type { CookieSerializeOptions } from '@fastify/cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AllclearError, toAllclearError } from '../../kernel/index.ts';
import type { App } from '../app.ts';
import { sessionCookie } from './cookies.ts';
import { type OwnNames, requireOwnPage } from './hosts.ts';
import type { Limits } from './limits.ts';
import { beginLogIn, completeLogIn, type LogInOptions } from './log-in.ts';
import { failurePage, logOutPage } from './pages.ts';
import { localPath } from './return-to.ts';
import { endSession } from './sessions.ts';

export interface LogInRoutes {
  readonly own: OwnNames;
  readonly limits: Limits;
  readonly store: LogInOptions['store'];
  /** Null: nobody logs people in; they use tokens. */
  readonly logIn: LogInOptions | null;
}

const open = { access: 'anyone' } as const;
const loginQuery = z.object({ 'return-to': z.string().optional().catch(undefined) });

export function logInRoutes(app: App, options: LogInRoutes): void {
  app.register(async (scope: App) => {
    scope.setErrorHandler((thrown, request, reply) => {
      if (!wantsPage(request)) throw thrown;
      const error = toAllclearError(thrown);
      return sendPage(reply.status(error.httpStatus), failurePage(error));
    });
    // The button on the page sends an empty form.
    scope.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { bodyLimit: 1_024, parseAs: 'string' },
      (_request, _body, done) => done(null),
    );
    scope.addHook('onRequest', (request) => options.limits.ofAddress(request));
    logInPair(scope, options);
    logOutPair(scope, options);
  });
}

function logInPair(scope: App, options: LogInRoutes): void {
  const { own } = options;
  const name = sessionCookie(own);
  const pending = `${name}-login`;
  scope.get(
    '/login',
    { config: open, schema: { hide: true, querystring: loginQuery } },
    async (request, reply) => {
      const returnTo = localPath(request.query['return-to']);
      const { url, cookie } = await beginLogIn(
        required(options),
        `${baseOf(request, own)}/login/callback`,
        returnTo,
      );
      return reply.setCookie(pending, cookie, { ...attributes(own), maxAge: 600 }).redirect(url, 303);
    },
  );
  scope.get('/login/callback', { config: open, schema: { hide: true } }, async (request, reply) => {
    reply.clearCookie(pending, attributes(own));
    const { session, returnTo } = await completeLogIn(required(options), {
      cookie: request.cookies[pending] ?? '',
      search: URL.parse(request.url, 'http://own.invalid')?.search ?? '',
      previous: request.cookies[name],
    });
    return reply.setCookie(name, session, attributes(own)).redirect(returnTo, 303);
  });
}

function logOutPair(scope: App, { own, store }: LogInRoutes): void {
  const name = sessionCookie(own);
  scope.get('/logout', { config: open, schema: { hide: true } }, (_, reply) => sendPage(reply, logOutPage()));
  scope.post('/logout', { config: open, schema: { hide: true } }, async (request, reply) => {
    const value = request.cookies[name];
    if (value !== undefined) {
      requireOwnPage(request.headers, own);
      await endSession(store, value);
    }
    reply.clearCookie(name, attributes(own));
    return wantsPage(request) ? reply.redirect('/logout?done', 303) : reply.status(204).send();
  });
}

function required({ logIn }: LogInRoutes): LogInOptions {
  if (logIn) return logIn;
  throw new AllclearError('E_NOT_FOUND', {
    what: 'nobody logs people in here: no identity provider is configured',
    next: 'Use a token (`allclear token create`), or configure `oidc:`; see docs/service-access.md.',
  });
}

function attributes({ publicUrl }: OwnNames): CookieSerializeOptions {
  return { path: '/', httpOnly: true, sameSite: 'lax', secure: publicUrl?.protocol === 'https:' };
}

/** Where the browser is; its Host has been checked. */
function baseOf(request: FastifyRequest, { publicUrl }: OwnNames): string {
  return publicUrl?.origin ?? `${request.protocol}://${request.headers.host ?? 'localhost'}`;
}

function wantsPage({ headers }: FastifyRequest): boolean {
  return headers.accept?.includes('text/html') === true;
}

function sendPage(reply: FastifyReply, page: string): FastifyReply {
  return reply.type('text/html; charset=utf-8').header('cache-control', 'no-store').send(page);
}
