import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openIncident } from '../../engine/index.ts';
import { as, startTestServer, type TestServer } from '../testing.ts';

let server: TestServer;
let incident: string;
const hostile = '<img src=x onerror=alert(1)>';

beforeEach(async () => {
  server = await startTestServer({});
  const { store, desk } = server;
  incident = await store.write((tx) =>
    openIncident(
      tx,
      {
        runbook: '',
        version: null,
        title: `Storm ${hostile}`,
        severity: 'critical',
        labels: { job: hostile },
        joinKey: null,
      },
      hostile,
      desk.clock,
    ),
  );
});
afterEach(() => server.close());

const get = (url: string, headers: Record<string, string>) =>
  server.app.inject({ url, headers: { accept: 'text/html', ...headers } });

describe('the page of an incident', () => {
  it('shows state, labels and time line, and passes on no HTML of alerts', async () => {
    const answer = await get(`/incidents/${incident}`, as('viewer'));
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(answer.body).toContain('<span class="open">open</span>');
    expect(answer.body).toContain('opened: Storm &lt;img src=x onerror=alert(1)&gt;');
    expect(answer.body).not.toContain('<img');
    expect(answer.body).not.toContain('<script');
  });

  it('asks for itself again while the incident is open', async () => {
    const { body } = await get(`/incidents/${incident}`, as('viewer'));
    expect(body).toContain('http-equiv="refresh" content="5"');
  });

  it('sends a browser without a log-in to the log-in, and back', async () => {
    const answer = await get(`/incidents/${incident}`, {});
    expect([answer.statusCode, answer.headers.location]).toEqual([
      303,
      `/login?return-to=${encodeURIComponent(`/incidents/${incident}`)}`,
    ]);
  });

  it('is refused in JSON to programs without a token, and where there is none', async () => {
    expect((await get(`/incidents/${incident}`, { accept: '*/*' })).statusCode).toBe(401);
    expect((await get('/incidents/inc-none', as('viewer'))).json()).toMatchObject({
      error: { code: 'E_NOT_FOUND' },
    });
  });
});
