/** The MCP endpoint: `/mcp`, both protocol eras, behind the gate. */
import { toNodeHandler } from '@modelcontextprotocol/node';
import { type AuthInfo, createMcpHandler, type McpHttpHandler } from '@modelcontextprotocol/server';
import type { FastifyRequest } from 'fastify';
import type { Actor } from '../../engine/index.ts';
import { AllclearError, type Log, oneLine } from '../../kernel/index.ts';
import type { App } from '../app.ts';
import { actorOf } from '../gate.ts';
import type { AgentDesk } from './agent-desk.ts';
import { makeMcpServer } from './mcp-server.ts';

/** Bytes of one message. The largest that makes sense is a note. */
const MAX_BODY = 256 * 1024;
const MAX_SUBSCRIPTIONS = 200;
/** How often it is looked whether the library has changed, for those who wait to be told. */
const LOOK_MS = 2_000;

export interface McpOptions {
  readonly desk: AgentDesk;
  readonly version: string;
  readonly log: Log;
}

export async function mcpRoutes(app: App, options: McpOptions): Promise<void> {
  const { desk, version, log } = options;
  const onerror = (error: Error) => log({ event: 'mcp-refused', why: oneLine(error.message, 200) });
  const mcp = createMcpHandler(({ authInfo }) => makeMcpServer({ desk, actor: agentOf(authInfo) }, version), {
    legacy: 'stateless',
    maxSubscriptions: MAX_SUBSCRIPTIONS,
    maxRequestBodySize: MAX_BODY,
    onerror,
  });
  const handle = toNodeHandler(mcp, { maxRequestBodySize: MAX_BODY, onerror });
  const stopTelling = tellChanges(mcp, desk);
  app.addHook('preClose', async () => {
    stopTelling();
    await mcp.close();
  });
  await app.register(async (own) => {
    // The SDK reads the body itself: what is wrong with it is answered as the protocol says.
    own.removeAllContentTypeParsers();
    own.addContentTypeParser('*', (_request, _payload, done) => done(null));
    own.route({
      method: ['GET', 'POST', 'DELETE'],
      url: '/mcp',
      // Clients that try both eras take 429 for a server of the older one.
      config: { access: 'viewer', busyInsteadOfTooMany: true },
      schema: { hide: true },
      handler: async (request, reply) => {
        const auth = askerOf(request);
        for (const [name, value] of Object.entries(reply.getHeaders())) {
          if (value !== undefined) reply.raw.setHeader(name, value);
        }
        reply.hijack();
        await handle(Object.assign(request.raw, { auth }), reply.raw);
      },
    });
  });
}

/**
 * Who asks, for the SDK to hand on. A browser's log-in is for people.
 * @throws AllclearError `E_UNAUTHORIZED`
 */
function askerOf(request: FastifyRequest): AuthInfo {
  const actor = actorOf(request);
  if (actor.via !== 'token') {
    throw new AllclearError('E_UNAUTHORIZED', {
      what: 'agents come in with a token, not with the log-in of a person',
      next: 'Make one with `allclear token create`, and send it as `Authorization: Bearer …`.',
    });
  }
  return { token: '', clientId: actor.name, scopes: [], extra: { actor } };
}

/** Whatever its role: who comes this way is an agent, and can approve nothing. */
function agentOf(info: AuthInfo | undefined): Actor {
  const actor = info?.extra?.['actor'] as Actor | undefined;
  if (!actor) throw new TypeError('the gate has let somebody unknown in');
  return { ...actor, via: 'agent' };
}

function tellChanges(mcp: McpHttpHandler, desk: AgentDesk): () => void {
  let known = desk.runbooks();
  const timer = setInterval(() => {
    const now = desk.runbooks();
    if (now !== known) mcp.notify.resourcesChanged();
    known = now;
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
