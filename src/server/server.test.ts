import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openIncident } from '../engine/index.ts';
import { MAX_WEBHOOK_BYTES } from '../intake/index.ts';
import { AllclearError } from '../kernel/index.ts';
import type { ServerOptions } from './options.ts';
import { as, startTestServer, type TestServer } from './testing.ts';

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer({
    extend: async (app) => {
      app.get(
        '/fails/:how',
        { config: { access: 'viewer' }, schema: { params: z.object({ how: z.string() }) } },
        ({ params }) => {
          if (params.how === 'bug') throw new Error('secret place /srv/db');
          throw new AllclearError('E_STORE_BUSY', { what: 'busy', next: 'Wait.', file: '/srv/db' });
        },
      );
    },
  });
});
afterEach(() => server.close());

async function open(title: string): Promise<string> {
  const opening = { runbook: '', version: null, title, severity: null, labels: { a: 'b' }, joinKey: null };
  return server.store.write((tx) => openIncident(tx, opening, 'test', server.clock));
}

describe('what fails is answered in one form', () => {
  it.each([
    ['GET', '/nowhere', {}, 404, 'E_NOT_FOUND'],
    ['GET', '/api/v1/incidents', {}, 401, 'E_UNAUTHORIZED'],
    ['GET', '/api/v1/incidents', { authorization: 'Bearer hook' }, 401, 'E_UNAUTHORIZED'],
    ['PUT', '/api/v1/incidents', as('admin'), 405, 'E_METHOD'],
    ['GET', '/api/v1/incidents/inc-none', as('viewer'), 404, 'E_NOT_FOUND'],
    ['GET', `/api/v1/incidents/${'x'.repeat(5_000)}`, as('viewer'), 404, 'E_NOT_FOUND'],
    ['GET', '/api/v1/incidents/%00%zz', as('viewer'), 400, 'E_USAGE'],
    ['GET', '/api/v1/incidents?limit=0', as('viewer'), 400, 'E_USAGE'],
    ['GET', '/api/v1/incidents?after=x', as('viewer'), 400, 'E_USAGE'],
    ['GET', '/api/v1/incidents?opne=true', as('viewer'), 400, 'E_USAGE'],
    ['GET', '/fails/store', as('viewer'), 503, 'E_STORE_BUSY'],
    ['GET', '/fails/bug', as('viewer'), 500, 'E_INTERNAL'],
  ] as const)('%s %s with %j: %i %s', async (method, url, headers, status, code) => {
    const answer = await server.app.inject({ method, url, headers });
    expect(answer.statusCode, answer.body).toBe(status);
    expect(answer.json()).toMatchObject({ error: { code, what: expect.any(String) } });
    expect(answer.body).not.toContain('/srv');
  });

  it.each([
    ['text/plain', 'a', 415, 'E_MEDIA_TYPE'],
    ['application/json', '{"a":', 400, 'E_USAGE'],
    ['application/json', '', 400, 'E_USAGE'],
  ])('a body of %s, %j: %i %s', async (type, payload, status, code) => {
    const answer = await server.app.inject({
      method: 'POST',
      url: '/api/v1/webhooks/alertmanager',
      headers: { ...as('hook'), 'content-type': type },
      payload,
    });
    expect([answer.statusCode, answer.json().error.code]).toEqual([status, code]);
  });

  it('a delivery with a label of the name __proto__ comes in, without that label', async () => {
    const bodies: unknown[] = [];
    const deliver: ServerOptions['deliver'] = async (body) => {
      bodies.push(body);
      return { alerts: 1, incidents: [] };
    };
    await server.close();
    server = await startTestServer({ deliver });
    const answer = await server.app.inject({
      method: 'POST',
      url: '/api/v1/webhooks/alertmanager',
      headers: { ...as('hook'), 'content-type': 'application/json' },
      payload: '{"alerts": [{"labels": {"alertname": "A", "__proto__": "p"}}]}',
    });
    expect(answer.statusCode, answer.body).toBe(200);
    expect(bodies).toEqual([{ alerts: [{ labels: { alertname: 'A' } }] }]);
  });

  it('a body that is larger than any storm is refused', async () => {
    const answer = await server.app.inject({
      method: 'POST',
      url: '/api/v1/webhooks/alertmanager',
      headers: { ...as('hook'), 'content-type': 'application/json' },
      payload: `"${'x'.repeat(MAX_WEBHOOK_BYTES)}"`,
    });
    expect([answer.statusCode, answer.json().error.code]).toEqual([413, 'E_FILE_TOO_LARGE']);
  });

  it('a bug is told with its trace, under which the log has the rest', async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const headers = { ...as('viewer'), traceparent: `00-${trace}-00f067aa0ba902b7-01` };
    const answer = await server.app.inject({ url: '/fails/bug', headers });
    expect(answer.json()).toMatchObject({ error: { trace } });
    expect(server.logged).toMatchObject([
      { event: 'request-failed', trace, what: 'secret place /srv/db' },
      { event: 'request', trace, route: '/fails/:how', status: 500, actor: 'the viewer' },
    ]);
  });

  it('no header, query or token is in the log', async () => {
    await server.app.inject({ url: '/api/v1/incidents?runbook=hush', headers: as('viewer') });
    expect(JSON.stringify(server.logged)).not.toMatch(/hush|Bearer/);
  });
});

it.each([
  ['?state=opne', /^querystring\.state.*"open"/],
  ['?stat=open', /^querystring: .*"stat"/],
])('GET /api/v1/incidents%s says what is wrong about it', async (query, what) => {
  const answer = await server.app.inject({ url: `/api/v1/incidents${query}`, headers: as('viewer') });
  expect([answer.statusCode, answer.json().error.code]).toEqual([400, 'E_USAGE']);
  expect(answer.json().error.what).toMatch(what);
});

describe('the gate', () => {
  it('takes no route that does not say who may use it', async () => {
    const extend: ServerOptions['extend'] = async (app) => {
      app.get('/open', () => 'oops');
    };
    await expect(startTestServer({ extend })).rejects.toThrow(/does not say who/);
  });

  it('asks before the body is read', async () => {
    const answer = await server.app.inject({
      method: 'POST',
      url: '/api/v1/webhooks/alertmanager',
      headers: { 'content-type': 'application/json' },
      payload: '{"broken',
    });
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['www-authenticate']).toContain('Bearer');
  });
});

describe('incidents', () => {
  it('are listed newest first, a page at a time', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) {
      if (n !== 2) await server.clock.advance(10);
      ids.unshift(await open(`Incident ${n}`));
    }
    const seen: string[] = [];
    let next: string | null = '';
    while (next !== null) {
      const answer = await server.app.inject({
        url: `/api/v1/incidents?limit=2${next === '' ? '' : `&after=${encodeURIComponent(next)}`}`,
        headers: as('viewer'),
      });
      const page: { incidents: { id: string }[]; next: string | null } = answer.json();
      seen.push(...page.incidents.map(({ id }) => id));
      ({ next } = page);
    }
    expect(seen.toSorted()).toEqual(ids.toSorted());
    expect(seen[0]).toBe(ids[0]);
  });

  it('tell their time line in words and data', async () => {
    const id = await open('Storm\u001b[31m');
    const answer = await server.app.inject({ url: `/api/v1/incidents/${id}/events`, headers: as('viewer') });
    expect(answer.json().events).toMatchObject([
      { seq: 1, kind: 'opened', text: 'opened: Storm', actor: 'test' },
    ]);
  });
});

it('listens, and answers on the wire', async () => {
  const url = await server.app.listen({ port: 0, host: '127.0.0.1' });
  expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ ok: true, version: '0.0.0' });
});
