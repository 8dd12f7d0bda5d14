/** A tool that works, hangs, fails or breaks at will, behind real MCP servers of both eras; and clients of both. */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
} from '@modelcontextprotocol/client';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { Client as SessionClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as SessionTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer as SessionServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { createMcpHandler, McpServer as ModernServer } from '@modelcontextprotocol/server';
import * as z from 'zod';

export type Era = 'sessions' | 'stateless';

/** What the tool `work` does next, and what was done to it. */
export interface Work {
  /** `hang`: it answers nothing until it is aborted. `break`: its connection is reset. */
  mode: 'answer' | 'hang' | 'fail' | 'break';
  /** Milliseconds before an answer. */
  delayMs: number;
  /** Arguments of each call that reached the tool, in order. */
  readonly calls: unknown[];
  /** How many calls saw their signal abort. */
  aborted: number;
  running: number;
  mostRunning: number;
}

export interface ToolServer {
  readonly url: string;
  readonly work: Work;
  close(): Promise<void>;
}

interface Result {
  [key: string]: unknown;
  content: { type: 'text'; text: string }[];
  isError?: boolean;
}

/** @param json the server answers in JSON rather than as an event stream (sessions only) */
export async function startToolServer(era: Era, json = false): Promise<ToolServer> {
  const work: Work = { mode: 'answer', delayMs: 0, calls: [], aborted: 0, running: 0, mostRunning: 0 };
  const server = createServer(breaking(work, era === 'sessions' ? sessions(work, json) : stateless(work)));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${port}`, work, close };
}

async function run(work: Work, args: unknown, signal: AbortSignal): Promise<Result> {
  work.calls.push(args);
  work.running += 1;
  work.mostRunning = Math.max(work.mostRunning, work.running);
  const { mode, delayMs } = work;
  await new Promise<void>((resolve) => {
    const timer = mode === 'hang' ? undefined : setTimeout(resolve, delayMs);
    signal.addEventListener('abort', () => {
      work.aborted += 1;
      clearTimeout(timer);
      resolve();
    });
  });
  work.running -= 1;
  return { content: [{ type: 'text', text: mode }], ...(mode === 'fail' && { isError: true }) };
}

/** In the mode `break` the connections of tool calls are reset. */
function breaking(work: Work, serve: RequestListener): RequestListener {
  return (req, res) => {
    if (work.mode === 'break' && req.method === 'POST') {
      const chunks: Buffer[] = [];
      req.on('data', (chunk: Buffer) => chunks.push(chunk));
      req.on('end', () => {
        if (String(Buffer.concat(chunks)).includes('tools/call')) req.socket.resetAndDestroy();
      });
    } else serve(req, res);
  };
}

const schema = { of: z.string().optional(), with: z.record(z.string(), z.unknown()).optional() };

function sessions(work: Work, json: boolean): RequestListener {
  const open = new Map<string, StreamableHTTPServerTransport>();
  const serve = async (req: IncomingMessage, res: ServerResponse) => {
    const known = open.get(String(req.headers['mcp-session-id']));
    if (known) {
      await known.handleRequest(req, res);
      return;
    }
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      enableJsonResponse: json,
      onsessioninitialized: (id) => void open.set(id, transport),
    });
    const mcp = new SessionServer({ name: 'tools', version: '1.0.0' });
    mcp.registerTool('work', { inputSchema: schema }, (args, { signal }) => run(work, args, signal));
    await mcp.connect(transport);
    await transport.handleRequest(req, res);
  };
  return (req, res) => void serve(req, res);
}

function stateless(work: Work): RequestListener {
  const handler = createMcpHandler(() => {
    const mcp = new ModernServer({ name: 'tools', version: '1.0.0' });
    mcp.registerTool('work', { inputSchema: z.object(schema) }, (args, { mcpReq }) =>
      run(work, args, mcpReq.signal),
    );
    return mcp;
  });
  const listen = toNodeHandler(handler);
  return (req, res) => void listen(req, res);
}

export interface ToolClient {
  /** Calls `work`; resolves to the text, and whether it is a failure. */
  call(
    args?: Record<string, unknown>,
    options?: { timeout?: number; signal?: AbortSignal },
  ): Promise<{
    readonly text: string;
    readonly isError: boolean;
  }>;
  close(): Promise<void>;
}

/** An official client of the era: SDK v1 with a session, SDK v2 without. @param token its credential */
export async function connectToolClient(era: Era, guardUrl: string, token?: string): Promise<ToolClient> {
  const url = new URL(`${guardUrl}/mcp`);
  const requestInit = token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } };
  if (era === 'sessions') {
    const client = new SessionClient({ name: 'agent', version: '1.0.0' });
    await client.connect(new SessionTransport(url, { requestInit }));
    return {
      call: async (args = {}, options = {}) =>
        outcome((await client.callTool({ name: 'work', arguments: args }, undefined, options)) as Result),
      close: () => client.close(),
    };
  }
  const client = new ModernClient(
    { name: 'agent', version: '1.0.0' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } } },
  );
  await client.connect(new ModernTransport(url, { requestInit }));
  return {
    call: async (args = {}, options = {}) =>
      outcome((await client.callTool({ name: 'work', arguments: args }, options)) as Result),
    close: () => client.close(),
  };
}

function outcome({ content, isError = false }: Result): { text: string; isError: boolean } {
  return { text: content[0]!.text, isError };
}
