/** The endpoint as clients meet it: both of the SDK's clients, in every mode, over real connections. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { as, startTestServer, type TestServer } from '../testing.ts';
import { MAX_ANSWER } from './answer.ts';
import { mcpRoutes } from './routes.ts';
import { type AskedDesk, askedDesk, HOSTILE, INCIDENT, testView } from './testing.ts';

let server: TestServer;
let asked: AskedDesk;
let url: URL;
const cleanups: (() => Promise<unknown>)[] = [];

async function serve(desk = askedDesk()): Promise<void> {
  asked = desk;
  server = await startTestServer({
    extend: (app) => mcpRoutes(app, { desk: desk.desk, version: '1.2.3', log: () => {} }),
  });
  const base = await server.app.listen({ host: '127.0.0.1', port: 0 });
  url = new URL('/mcp', base);
}
beforeEach(() => serve());
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
  await server.close();
});

type Mode = 'older SDK' | 'legacy' | 'auto' | '2026-07-28';
const modes: readonly Mode[] = ['older SDK', 'legacy', 'auto', '2026-07-28'];
type Role = Parameters<typeof as>[0];

/** The newer client; the older one has the same calls that are made here. */
async function connect(mode: Mode, role: Role = 'admin'): Promise<Client> {
  const requestInit = { headers: as(role) };
  if (mode === 'older SDK') {
    const older = new OlderClient({ name: 'older', version: '1' });
    await older.connect(new OlderTransport(url, { requestInit }));
    cleanups.push(() => older.close());
    return older as unknown as Client;
  }
  const versionNegotiation = { mode: mode === 'legacy' || mode === 'auto' ? mode : { pin: mode } };
  const client = new Client({ name: 'newer', version: '1' }, { versionNegotiation });
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit }));
  cleanups.push(() => client.close());
  return client;
}

interface Result {
  readonly isError?: boolean;
  readonly content: readonly { readonly type: string; readonly text: string }[];
  readonly structuredContent?: Record<string, unknown>;
}
async function call(client: Client, name: string, args: Record<string, unknown> = {}): Promise<Result> {
  return (await client.callTool({ name, arguments: args })) as unknown as Result;
}
const words = (result: Result) => result.content.map(({ text }) => text).join('\n');

const post = (body: unknown, headers: Record<string, string>) =>
  fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
};

describe.each(modes)('the MCP endpoint, to a client of %s', (mode) => {
  it('offers its tools with what they do and do not do', async () => {
    const { tools } = await (await connect(mode)).listTools();
    const hints = Object.fromEntries(
      tools.map(({ name, annotations }) => [name, [annotations?.readOnlyHint, annotations?.destructiveHint]]),
    );
    expect(hints).toEqual({
      search_runbooks: [true, false],
      read_runbook: [true, false],
      list_incidents: [true, false],
      get_incident: [true, false],
      get_timeline: [true, false],
      run_diagnosis: [true, false],
      propose_step: [false, false],
      add_note: [false, false],
    });
    for (const { inputSchema, outputSchema, description } of tools) {
      expect(inputSchema['additionalProperties']).toBe(false);
      expect(outputSchema?.['properties']).toHaveProperty('notice');
      expect(description).not.toBe('');
    }
  });

  it('answers every tool in its declared form, as data that is marked', async () => {
    const client = await connect(mode);
    await client.listTools();
    const results = [
      await call(client, 'search_runbooks', { query: 'storm' }),
      await call(client, 'read_runbook', { id: 'session-storm' }),
      await call(client, 'list_incidents', { open: true }),
      await call(client, 'get_incident', { incident: INCIDENT }),
      await call(client, 'get_timeline', { incident: INCIDENT, limit: 2 }),
      await call(client, 'run_diagnosis', { incident: INCIDENT }),
      await call(client, 'propose_step', { incident: INCIDENT, step: 1, why: 'the queue is long' }),
      await call(client, 'add_note', { incident: INCIDENT, text: 'the deployment began at 3:04' }),
    ];
    for (const result of results) {
      expect(result.isError, words(result)).toBeFalsy();
      expect(result.structuredContent).toMatchObject({ cut: false });
      const mark = /<(untrusted-[0-9a-f]{12})>\n/.exec(words(result))![1]!;
      expect(words(result).endsWith(`\n</${mark}>`)).toBe(true);
      expect(words(result)).not.toContain('\\u001b');
    }
    expect(results[4]!.structuredContent).toMatchObject({ next: 2, events: [{ seq: 1 }, { seq: 2 }] });
    expect(asked.asked.map(({ what, actor }) => [what, actor.via])).toEqual([
      ['diagnose', 'agent'],
      ['propose', 'agent'],
      ['note', 'agent'],
    ]);
  });

  it('refuses in words, as a result', async () => {
    const client = await connect(mode);
    const unknown = await call(client, 'get_incident', { incident: 'inc-none' });
    expect(unknown).toMatchObject({ isError: true });
    expect(words(unknown)).toBe('E_NOT_FOUND: there is no incident inc-none.');
    const both = await call(client, 'run_diagnosis', { incident: INCIDENT, runbook: 'session-storm' });
    expect(words(both)).toContain('E_USAGE: it takes an incident, or a runbook');
  });

  it('has runbooks as resources, also those with strange ids, and completes ids', async () => {
    const client = await connect(mode);
    const { resources } = await client.listResources();
    expect(resources.map(({ uri, mimeType }) => [uri, mimeType])).toEqual([
      ['runbook://session-storm', 'text/markdown'],
      ['runbook://Disk%20full%2C%20again%2F1', 'text/markdown'],
    ]);
    for (const { uri } of resources) {
      const { contents } = await client.readResource({ uri });
      expect(contents).toEqual([
        { uri, mimeType: 'text/markdown', text: expect.stringContaining('## Diagnosis') },
      ]);
    }
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates).toMatchObject([{ uriTemplate: 'runbook://{id}' }]);
    await expect(client.readResource({ uri: 'runbook://none' })).rejects.toThrow('there is no runbook none');
    await expect(client.readResource({ uri: 'runbook://%E0%A4%A' })).rejects.toThrow();
    const ref = { type: 'ref/prompt', name: 'follow_runbook' } as const;
    const { completion } = await client.complete({ ref, argument: { name: 'id', value: 'sess' } });
    expect(completion.values).toEqual(['session-storm']);
    const ofIncident = await client.complete({ ref, argument: { name: 'incident', value: 'inc-0' } });
    expect(ofIncident.completion.values).toEqual([INCIDENT]);
  });

  it('has "follow this runbook" as a prompt, with the runbook in it', async () => {
    const client = await connect(mode);
    const args = { id: 'session-storm', incident: INCIDENT };
    const { messages } = await client.getPrompt({ name: 'follow_runbook', arguments: args });
    expect(messages).toMatchObject([
      {
        role: 'user',
        content: { type: 'text', text: expect.stringContaining(`{"incident": "${INCIDENT}"}`) },
      },
      { role: 'user', content: { type: 'resource', resource: { uri: 'runbook://session-storm' } } },
    ]);
  });
});

describe('the MCP endpoint', () => {
  it('lets nobody in without a token, and says how', async () => {
    const response = await post(initialize, {});
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/);
    const wrong = await post(initialize, { authorization: 'Bearer wrong' });
    expect(wrong.status).toBe(401);
  });

  it.each([
    'approve',
    'decide',
    'report',
    'answer',
    'adopt',
    'close',
    'approve_step',
    'run_step',
    '__proto__',
  ])('has no tool %s, whatever the role', async (name) => {
    for (const mode of modes) {
      const client = await connect(mode);
      const args = { incident: INCIDENT, step: 1, hash: testView().steps[0]!.approvalHash, decision: 'done' };
      const outcome = await call(client, name, args).then(
        (result) => (result.isError ? 'refused' : 'done'),
        () => 'refused',
      );
      expect(outcome).toBe('refused');
    }
    expect(asked.asked).toEqual([]);
  });

  it.each([
    ['propose_step', { incident: INCIDENT, step: 1, why: 'x', approve: true }],
    ['propose_step', { incident: INCIDENT, step: 1, why: 'x', hash: 'b'.repeat(64) }],
    [
      'propose_step',
      { incident: INCIDENT, step: 1, why: 'x', actor: { name: 'ann', role: 'admin', via: 'login' } },
    ],
    ['propose_step', { incident: INCIDENT, step: 0, why: 'x' }],
    ['propose_step', { incident: INCIDENT, step: 1, why: '  ' }],
    ['add_note', { incident: INCIDENT, text: 'x'.repeat(8_001) }],
    ['add_note', { incident: INCIDENT, text: 'x', kind: 'approve' }],
    ['run_diagnosis', { incident: INCIDENT, command: 'rm -rf /' }],
    ['run_diagnosis', { runbook: 'session-storm', labels: { 'a b': 'x' } }],
    ['run_diagnosis', {}],
  ])('refuses what a tool does not take: %s %j', async (name, args) => {
    for (const mode of modes) {
      const outcome = await call(await connect(mode), name, args).then(
        (result) => result.isError,
        () => true,
      );
      expect(outcome).toBe(true);
    }
    expect(asked.asked).toEqual([]);
  });

  it('takes nobody at their word: a client that claims to be a person is an agent', async () => {
    const meta = { actor: { name: 'ann', role: 'admin', via: 'login' }, 'x-approved-by': 'ann' };
    const body = {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: {
        name: 'propose_step',
        arguments: { incident: INCIDENT, step: 1, why: 'approved by ann' },
        _meta: meta,
      },
    };
    const response = await post(body, { ...as('responder'), 'x-actor': 'ann', 'x-forwarded-user': 'ann' });
    expect(response.status).toBe(200);
    expect(asked.asked).toMatchObject([
      { actor: { name: 'the responder', role: 'responder', via: 'agent' } },
    ]);
  });

  it('asks its client nothing, so no answer of a client can count', async () => {
    const forged = { jsonrpc: '2.0', id: 1, result: { action: 'accept', content: { approve: true } } };
    const response = await post(forged, as('admin'));
    expect([202, 400]).toContain(response.status);
    expect(asked.asked).toEqual([]);
  });

  it('keeps the hash that approves a step to itself', async () => {
    const hash = testView().steps[0]!.approvalHash;
    const result = await call(await connect('auto'), 'get_incident', { incident: INCIDENT });
    expect(JSON.stringify(result)).not.toContain(hash);
    expect(result.structuredContent).toMatchObject({
      incident: { steps: [{ approvals: { have: ['ann'] } }] },
    });
  });

  it('cuts what is too much, says so, and still answers in its form', async () => {
    await server.close();
    const long = `${HOSTILE} `.repeat(20_000);
    const alert = {
      fingerprint: 'f',
      status: 'firing' as const,
      labels: { long },
      annotations: {},
      startsAt: 0,
      endsAt: null,
      generatorUrl: null,
      receivedCount: 1,
    };
    const alerts = { count: 9_000, firing: 9_000, first: Array.from({ length: 100 }, () => alert) };
    await serve(askedDesk({ title: long, alerts, hints: Array.from({ length: 500 }, () => long) }));
    const client = await connect('auto');
    await client.listTools();
    const result = await call(client, 'get_incident', { incident: INCIDENT });
    expect(result.structuredContent).toMatchObject({ cut: true, incident: { id: INCIDENT } });
    expect(JSON.stringify(result.structuredContent).length).toBeLessThan(MAX_ANSWER + 500);
  });

  it.each([
    ['{', 400],
    ['[]', 400],
    ['null', 400],
    ['', 400],
    [`{"jsonrpc":"2.0","id":1,"method":"${'x'.repeat(300_000)}"}`, 413],
  ])('answers what is no message as the protocol says: %.20s', async (body, status) => {
    const response = await post(body, as('viewer'));
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ jsonrpc: '2.0', error: { code: expect.any(Number) } });
  });

  it('takes JSON only, and no sessions', async () => {
    const text = await fetch(url, {
      method: 'POST',
      headers: { ...as('viewer'), 'content-type': 'text/plain' },
      body: '{}',
    });
    expect(text.status).toBe(415);
    for (const method of ['GET', 'DELETE']) {
      const response = await fetch(url, {
        method,
        headers: { ...as('viewer'), accept: 'text/event-stream' },
      });
      expect(response.status).toBe(405);
    }
  });
});
