/** Real MCP servers and clients of the older era (SDK v1) for the guard's end-to-end tests. */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';

export interface TestServer {
  readonly url: string;
  readonly port: number;
  /** Sessions that live on it. */
  readonly sessions: ReadonlyMap<string, StreamableHTTPServerTransport>;
  /** The requests it has seen, in order. */
  readonly requests: { readonly method: string; readonly headers: IncomingMessage['headers'] }[];
  /** Dies as a killed process does: all connections break, nothing listens. */
  kill(): Promise<void>;
}

export interface TestServerOptions {
  readonly port?: number;
  /** Milliseconds that each initialize takes. */
  readonly initializeMs?: number;
  readonly json?: boolean;
  /** The status for an unknown session; the protocol says 404, some servers say 400. */
  readonly unknownSession?: 400 | 404;
  readonly name?: string;
}

/** A session-keeping server with the tools `whoami` (its name) and `later` (a notification after the answer). */
export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const requests: TestServer['requests'] = [];
  const server = createServer((req, res) => {
    requests.push({ method: req.method!, headers: req.headers });
    void serve(sessions, options, req, res);
  });
  await new Promise<void>((resolve) => {
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, sessions, requests, kill: () => kill(server) };
}

async function serve(
  sessions: Map<string, StreamableHTTPServerTransport>,
  { initializeMs = 0, json = false, unknownSession = 404, name = 'server' }: TestServerOptions,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const id = req.headers['mcp-session-id'];
  const known = typeof id === 'string' ? sessions.get(id) : undefined;
  if (known) {
    await known.handleRequest(req, res);
    return;
  }
  if (id !== undefined) {
    const code = unknownSession === 404 ? -32_001 : -32_000;
    res.writeHead(unknownSession, { 'content-type': 'application/json' });
    res.end(JSON.stringify({ jsonrpc: '2.0', error: { code, message: 'Session not found' }, id: null }));
    return;
  }
  if (initializeMs > 0) await new Promise((resolve) => setTimeout(resolve, initializeMs));
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => randomUUID(),
    enableJsonResponse: json,
    onsessioninitialized: (session) => void sessions.set(session, transport),
    onsessionclosed: (session) => void sessions.delete(session),
  });
  const mcp = new McpServer({ name, version: '1.0.0' }, { capabilities: { logging: {} } });
  mcp.registerTool('whoami', {}, () => ({ content: [{ type: 'text', text: name }] }));
  mcp.registerTool('later', {}, () => {
    setTimeout(() => void mcp.server.sendLoggingMessage({ level: 'info', data: 'later' }), 20);
    return { content: [{ type: 'text', text: 'soon' }] };
  });
  await mcp.connect(transport);
  await transport.handleRequest(req, res);
}

function kill(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

export interface TestClient {
  readonly client: Client;
  readonly transport: StreamableHTTPClientTransport;
  readonly notifications: unknown[];
}

/** Connects a client to the guard's `/mcp`. */
export async function connectClient(guardUrl: string): Promise<TestClient> {
  const client = new Client({ name: 'test', version: '1.0.0' });
  const notifications: unknown[] = [];
  client.fallbackNotificationHandler = (notification) => {
    notifications.push(notification);
    return Promise.resolve();
  };
  const transport = new StreamableHTTPClientTransport(new URL(`${guardUrl}/mcp`));
  await client.connect(transport);
  return { client, transport, notifications };
}

export const initializeBody = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
});

/** A bare initialize, as any client sends it. */
export function initialize(guardUrl: string, signal?: AbortSignal): Promise<Response> {
  return post(guardUrl, initializeBody, {}, signal);
}

export function post(
  guardUrl: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(`${guardUrl}/mcp`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body,
    signal,
  });
}

/** The value of a series in an exposition text, by its name and labels as written; NaN when it is missing. */
export async function metric(adminUrl: string, series: string): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? Number.NaN : Number(line.slice(series.length + 1));
}

/** Waits until `check` holds; fails after 5 s with what it saw last. */
export async function eventually<T>(look: () => Promise<T> | T, check: (value: T) => boolean): Promise<T> {
  const end = performance.now() + 5000;
  for (;;) {
    const value = await look();
    if (check(value)) return value;
    if (performance.now() > end)
      throw new Error(`it did not come about; last seen: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
