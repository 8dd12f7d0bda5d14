import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isInitializeRequest } from '@modelcontextprotocol/sdk/types.js';
import { type Search, Sessions } from './upstream-session.ts';

const MAX_BODY_BYTES = 1_000_000;
/** The careless server never forgets a session by itself; this only keeps a forgotten lab from eating the machine. */
const MAX_SESSIONS = 200_000;

/** Where the counters of an upstream go. */
export interface UpstreamCounters {
  initializeDone(): void;
  sessions(count: number): void;
}

/**
 * An MCP server of the older, session-keeping era on plain node:http, as careless as most: each
 * `initialize` costs CPU on the one event loop, an unknown session gets 404, and a client that went
 * away is served like any other, because nothing looks whether it is still there.
 * @param burn what each initialize costs, see `calibrateBurn`
 * @param search what the tool `search` does
 */
export function createUpstreamServer(burn: () => void, search: Search, counters: UpstreamCounters): Server {
  const sessions = new Sessions(search);

  async function handleMcp(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = request.method === 'POST' ? await readJson(request) : undefined;
    const id = request.headers['mcp-session-id'];
    if (typeof id === 'string') {
      const transport = sessions.get(id);
      if (!transport) return answer(response, 404, -32_001, 'Session not found');
      await transport.handleRequest(request, response, body);
      counters.sessions(sessions.size);
      return;
    }
    if (!isInitializeRequest(body)) {
      return answer(response, 400, -32_000, 'Bad Request: Mcp-Session-Id header is required');
    }
    if (sessions.size >= MAX_SESSIONS) return answer(response, 503, -32_000, 'Too many sessions');
    burn();
    const transport = await sessions.open();
    await transport.handleRequest(request, response, body);
    counters.initializeDone();
    counters.sessions(sessions.size);
  }

  return createServer((request, response) => {
    const path = request.url?.split('?', 1)[0];
    if (path === '/healthz') {
      response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n');
      return;
    }
    if (path !== '/mcp') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n');
      return;
    }
    handleMcp(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else answer(response, 400, -32_700, error instanceof Error ? error.message : 'Bad Request');
    });
  });
}

/** A refusal in the words of the SDK's own transport. */
function answer(response: ServerResponse, status: number, code: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ jsonrpc: '2.0', error: { code, message }, id: null }));
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new RangeError('Payload Too Large');
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
}
