/** The protocol's reference server, with all it shows, behind the guard and the v1 client. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Guard, startGuard } from '../../src/guard/index.ts';
import { connectEraClient } from './era-fixtures.ts';
import { eventually, initialize, metric, post } from './guard-fixtures.ts';

const PACKAGE = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/package.json'));
const PROGRAM = PACKAGE.replace('package.json', 'dist/index.js');

let upstream: ChildProcess;
let port: number;
let guard: Guard;
let client: Client;
const notifications: { method: string; params?: Record<string, unknown> }[] = [];

beforeAll(async () => {
  port = await freePort();
  upstream = await startUpstream();
  guard = await startGuard({
    upstreams: [`http://127.0.0.1:${port}`],
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
  });
  client = await connect();
}, 30_000);

afterAll(async () => {
  await client.close();
  await guard.stop();
  upstream.kill('SIGKILL');
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address() as { port: number };
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return address.port;
}

async function startUpstream(): Promise<ChildProcess> {
  const env = { ...process.env, PORT: String(port) };
  const child = spawn(process.execPath, [PROGRAM, 'streamableHttp'], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await new Promise<void>((resolve) => {
    child.stderr.on('data', (data: Buffer) => {
      if (data.includes('listening')) resolve();
    });
  });
  return child;
}

async function connect(): Promise<Client> {
  const capabilities = { sampling: {}, elicitation: {}, roots: { listChanged: true } };
  const one = new Client({ name: 'test', version: '1' }, { capabilities });
  one.setRequestHandler(CreateMessageRequestSchema, ({ params }) => ({
    model: 'test',
    role: 'assistant' as const,
    content: { type: 'text' as const, text: `sampled ${params.messages.length}` },
  }));
  one.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept' as const, content: { name: 'Ada' } }));
  one.fallbackNotificationHandler = (notification) => {
    notifications.push(notification);
    return Promise.resolve();
  };
  await one.connect(new StreamableHTTPClientTransport(new URL(`${guard.listenUrl}/mcp`)));
  return one;
}

const call = async (name: string, args: Record<string, unknown> = {}): Promise<string> => {
  const result = await client.callTool({ name, arguments: args });
  return JSON.stringify(result.content);
};

describe('server-everything behind the guard', () => {
  it('lists and calls tools, of every kind of content', async () => {
    const { tools } = await client.listTools();
    expect(tools.length).toBeGreaterThan(10);
    expect(await call('echo', { message: 'grüße' })).toContain('grüße');
    expect(await call('get-sum', { a: 2, b: 3 })).toContain('5');
    expect(await call('get-tiny-image')).toContain('"type":"image"');
    expect(await call('get-resource-links', { count: 3 })).toContain('resource_link');
    const structured = await client.callTool({
      name: 'get-structured-content',
      arguments: { location: 'New York' },
    });
    expect(structured.structuredContent).toHaveProperty('temperature');
  });

  it('reads resources and their templates, and gets and completes prompts', async () => {
    const { resources } = await client.listResources();
    expect(resources.length).toBeGreaterThan(0);
    const { contents } = await client.readResource({ uri: 'demo://resource/dynamic/text/1' });
    expect(contents).toHaveLength(1);
    expect((await client.listResourceTemplates()).resourceTemplates.length).toBeGreaterThan(0);
    const prompt = await client.getPrompt({ name: 'args-prompt', arguments: { city: 'Graz' } });
    expect(JSON.stringify(prompt.messages)).toContain('Graz');
    const { completion } = await client.complete({
      ref: { type: 'ref/prompt', name: 'completable-prompt' },
      argument: { name: 'department', value: 'E' },
    });
    expect(completion.values).toContain('Engineering');
  });

  it('lets the server ask the client: sampling, elicitation, roots', async () => {
    expect(await call('trigger-sampling-request', { prompt: 'hello', maxTokens: 10 })).toContain('sampled 1');
    expect(await call('trigger-elicitation-request')).toContain('Ada');
  });

  it('streams the progress of a long call, and cancels one', async () => {
    const progress: number[] = [];
    const work = { name: 'trigger-long-running-operation', arguments: { duration: 0.5, steps: 5 } };
    await client.callTool(work, undefined, { onprogress: (at) => void progress.push(at.progress) });
    expect(progress).toEqual([1, 2, 3, 4, 5]);
    const leave = new AbortController();
    const long = { name: 'trigger-long-running-operation', arguments: { duration: 60, steps: 2 } };
    const cancelled = client.callTool(long, undefined, { signal: leave.signal });
    setTimeout(() => leave.abort(), 100);
    await expect(cancelled).rejects.toThrow();
  });

  it('delivers what the server says on its own stream', async () => {
    await call('toggle-simulated-logging');
    await eventually(() => notifications.some(({ method }) => method === 'notifications/message'), Boolean);
    await call('toggle-simulated-logging');
  });

  it('resumes the stream of a call where it was cut', async () => {
    const session = (await initialize(guard.listenUrl)).headers.get('mcp-session-id')!;
    const headers = { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' };
    const work = { name: 'trigger-long-running-operation', arguments: { duration: 0.6, steps: 3 } };
    const params = { ...work, _meta: { progressToken: 'p' } };
    const leave = new AbortController();
    const body = JSON.stringify({ jsonrpc: '2.0', id: 9, method: 'tools/call', params });
    const cut = await post(guard.listenUrl, body, headers, leave.signal);
    const first = new TextDecoder().decode((await cut.body!.getReader().read()).value);
    leave.abort();
    const last = /^id: (?<id>.+)$/m.exec(first)!.groups!['id']!;
    // The answer is kept for who resumes; it is there when the work is done.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const resumed = await fetch(`${guard.listenUrl}/mcp`, {
      headers: { ...headers, accept: 'text/event-stream', 'last-event-id': last },
    });
    expect(resumed.status).toBe(200);
    let text = '';
    for await (const chunk of resumed.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text.includes('"id":9')) break;
    }
    expect(text).toContain('Long running operation completed');
    expect(text).not.toContain(last);
  });

  it('serves a v2 client that would rather speak the newer era', async () => {
    const one = await connectEraClient(guard.listenUrl, 'auto');
    expect(one.getNegotiatedProtocolVersion()).toBe('2025-11-25');
    expect((await one.listTools()).tools.length).toBeGreaterThan(10);
    await one.close();
  });

  it('turns the 400 for a session that a restart has lost into the protocol’s 404', async () => {
    const { sessionId } = client.transport as StreamableHTTPClientTransport;
    upstream.kill('SIGKILL');
    await eventually(
      () => metric(guard.adminUrl, `mcp_upstream_up{upstream="http://127.0.0.1:${port}"}`),
      (up) => up === 0,
    );
    upstream = await startUpstream();
    await eventually(
      () => metric(guard.adminUrl, `mcp_upstream_up{upstream="http://127.0.0.1:${port}"}`),
      (up) => up === 1,
    );
    const answer = await fetch(`${guard.listenUrl}/mcp`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-session-id': sessionId!,
      },
      body: '{"jsonrpc":"2.0","id":5,"method":"ping"}',
    });
    expect(answer.status).toBe(404);
    await client.close();
    client = await connect();
    expect(await call('echo', { message: 'again' })).toContain('again');
  });
});
