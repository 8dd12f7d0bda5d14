/** Real MCP servers and clients of both eras (SDK v2) for the guard's end-to-end tests. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';

export interface SeenRequest {
  readonly verb: string;
  /** The JSON-RPC method; '' for none. */
  readonly method: string;
  readonly headers: IncomingMessage['headers'];
  /** Whether its connection was closed before it was answered. */
  cut: boolean;
}

export interface EraServer {
  readonly url: string;
  readonly port: number;
  /** In order of arrival. */
  readonly seen: SeenRequest[];
  /** Tells subscribers that the list of tools has changed. */
  toolsChanged(): void;
  /** Dies as a killed process does. */
  kill(): Promise<void>;
}

export interface EraServerOptions {
  readonly port?: number;
  readonly name?: string;
  /** `stateless`: speaks the older era too, without sessions. `reject`: the newer era only. */
  readonly legacy?: 'stateless' | 'reject';
  readonly maxSubscriptions?: number;
}

/** Tools: `whoami` (its name), `wait` (for so many ms, or until it is cancelled), `fail` (isError), `count` (progress). */
export async function startEraServer(options: EraServerOptions = {}): Promise<EraServer> {
  const { name = 'dual', legacy = 'stateless', maxSubscriptions } = options;
  const mcp = createMcpHandler(() => makeServer(name), { legacy, maxSubscriptions });
  const handle = toNodeHandler(mcp);
  const seen: SeenRequest[] = [];
  const server = createServer((req, res) => {
    void readText(req).then((text) => {
      const body = parse(text);
      const one = { verb: req.method!, method: body?.method ?? '', headers: req.headers, cut: false };
      seen.push(one);
      res.once('close', () => {
        one.cut = !res.writableFinished;
      });
      return handle(req, res, body);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const kill = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${port}`, port, seen, toolsChanged: () => mcp.notify.toolsChanged(), kill };
}

const textResult = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

function makeServer(name: string): McpServer {
  const server = new McpServer(
    { name, version: '1.0.0' },
    { capabilities: { tools: { listChanged: true }, logging: {} } },
  );
  server.registerTool('whoami', {}, () => textResult(name));
  server.registerTool('fail', {}, () => ({ ...textResult('no'), isError: true }));
  server.registerTool('wait', { inputSchema: z.object({ ms: z.number() }) }, async ({ ms }, ctx) => {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      ctx.mcpReq.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    });
    return textResult('done');
  });
  server.registerTool('count', { inputSchema: z.object({ to: z.number() }) }, async ({ to }, ctx) => {
    const { _meta: meta } = ctx.mcpReq;
    const progressToken = meta?.progressToken ?? 0;
    for (let progress = 1; progress <= to; progress++) {
      const params = { progressToken, progress, total: to };
      await ctx.mcpReq.notify({ method: 'notifications/progress', params });
    }
    return textResult(String(to));
  });
  return server;
}

async function readText(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function parse(text: string): { method?: string } | undefined {
  try {
    return JSON.parse(text) as { method?: string };
  } catch {
    return undefined;
  }
}

export type Mode = 'legacy' | 'auto' | { readonly pin: string };
export const NEWER = '2026-07-28';

/** A v2 client, connected to the guard's `/mcp`. */
export async function connectEraClient(guardUrl: string, mode: Mode): Promise<Client> {
  const client = new Client({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${guardUrl}/mcp`)));
  return client;
}

/** What the tool `whoami` says: the name of the server that answered. */
export async function whoami(client: Client): Promise<string> {
  const result = await client.callTool({ name: 'whoami' });
  return (result.content as { text: string }[])[0]!.text;
}

/** A request of the newer era, as a bare client sends it. */
export function newerRequest(method: string, params: Record<string, unknown> = {}, id: string | number = 1) {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': NEWER,
    'io.modelcontextprotocol/clientCapabilities': {},
    'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
  };
  const headers: Record<string, string> = { 'mcp-protocol-version': NEWER, 'mcp-method': method };
  if (typeof params['name'] === 'string') headers['mcp-name'] = params['name'];
  return {
    body: JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta: meta } }),
    headers,
  };
}
