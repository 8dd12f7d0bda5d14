/** The HTTP application of the service. It listens where its owner says; tests embed it. */
import fastifySwagger from '@fastify/swagger';
import fastify from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { App } from './app.ts';
import { answerFailures, answerNoHttp, answerUnreadable } from './failures.ts';
import { addGate } from './gate.ts';
import { watchRoutes } from './known-routes.ts';
import { watchConnections } from './let-go.ts';
import { ServiceMetrics } from './metrics/service-metrics.ts';
import { openApi } from './open-api.ts';
import type { ServerOptions } from './options.ts';
import { actionRoutes } from './routes/actions.ts';
import { eventRoutes } from './routes/events.ts';
import { healthRoutes } from './routes/health.ts';
import { incidentRoutes } from './routes/incidents.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { pageRoutes } from './routes/pages.ts';
import { runbookRoutes } from './routes/runbooks.ts';
import { webhookRoutes } from './routes/webhooks.ts';
import { workerRoutes } from './routes/workers.ts';
import { Streams } from './streams/streams.ts';
import { logRequests, traceId } from './trace.ts';

/** Bytes of a body, where a route does not say otherwise. */
const BODY_LIMIT = 1024 * 1024;
/** A request whose head or body comes in slower than this is given up; answers may take as long as they take. */
const REQUEST_MS = 60_000;

/**
 * Makes the application; `app.listen({host, port})` starts it and `app.close()` ends it, open streams included.
 * Nothing in it is open unless its route says so (`gate.ts`).
 */
export async function createServer(options: ServerOptions): Promise<App> {
  const app: App = fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_MS,
    genReqId: traceId,
    // `__proto__` is a valid name of a label: a refused delivery would not come again, with all its other alerts.
    onProtoPoisoning: 'remove',
    frameworkErrors: answerUnreadable,
    clientErrorHandler: answerNoHttp,
    // Answers during a drain are still answers.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 300, ignoreTrailingSlash: true },
    exposeHeadRoutes: false,
    trustProxy: options.trustProxy?.length ? [...options.trustProxy] : false,
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.removeContentTypeParser('text/plain');
  const known = watchRoutes(app);
  const streams = new Streams(options);
  const metrics = new ServiceMetrics({ ...options, streams: () => streams.open });
  logRequests(app, options.log, options.logRequests ?? 'errors');
  answerFailures(app, known, options.log, (code) => metrics.failed(code));
  await app.register(fastifySwagger, openApi(options.version));
  await options.access.install?.(app);
  addGate(app, options.access);
  const letGo = watchConnections(app.server);
  app.addHook('preClose', async () => {
    streams.close();
    letGo();
  });
  app.register(async (routes: App) => {
    metricsRoutes(routes, metrics);
    healthRoutes(routes, options);
    incidentRoutes(routes, options);
    eventRoutes(routes, options, streams);
    actionRoutes(routes, options);
    runbookRoutes(routes, options);
    pageRoutes(routes, options);
    webhookRoutes(routes, options, metrics);
    workerRoutes(routes, options);
    options.access.routes?.(routes);
    await options.extend?.(routes);
    routes.get('/openapi.json', { config: { access: 'anyone' }, schema: { hide: true } }, () =>
      app.swagger(),
    );
  });
  await app.ready();
  return app;
}
