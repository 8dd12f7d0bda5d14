import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { actionBodies, openIncident, planAndStore } from '../../engine/index.ts';
import { parseRunbook } from '../../runbook/index.ts';
import { as, startTestServer, type TestServer } from '../testing.ts';

const book = parseRunbook(
  '# Storm\n\n## Diagnosis\n\n```bash {"name":"rate","normal":"value < 1"}\necho 2\n```\n\n## Remediation\n\n1. **Pace**\n\n   ```bash\n   true\n   ```\n',
  'storm.md',
);

let server: TestServer;
let id: string;
beforeEach(async () => {
  server = await startTestServer({ runbooks: [book] });
  id = await server.store.write(async (tx) => {
    const version = { file: book.file, source: book.source };
    const opening = { runbook: book.id, version, title: 'Storm', severity: null, labels: {}, joinKey: null };
    const incident = await openIncident(tx, opening, 'test', server.clock);
    await planAndStore(tx, server.desk, incident);
    return incident;
  });
});
afterEach(() => server.close());

const act = (kind: string, payload: object | undefined, role: Parameters<typeof as>[0] = 'admin') =>
  server.app.inject({
    method: 'POST',
    url: `/api/v1/incidents/${id}/actions/${kind}`,
    headers: as(role),
    payload,
  });

describe('actions', () => {
  it('are done, and answered with what they did and the incident as it is then', async () => {
    const answer = await act('note', { text: 'looking\u001b[31m into it' }, 'responder');
    expect(answer.statusCode, answer.body).toBe(200);
    expect(answer.json()).toMatchObject({
      did: ['note: looking into it'],
      incident: { id, state: 'diagnosing', seq: 3, work: { kind: 'diagnose' } },
    });
    const shown = await server.app.inject({ url: `/api/v1/incidents/${id}`, headers: as('viewer') });
    expect(shown.json()).toEqual(answer.json().incident);
  });

  it('need no body where there is nothing to say', async () => {
    // It is being diagnosed already: that is what is refused, and not the request.
    const answer = await act('diagnose', undefined);
    expect([answer.statusCode, answer.json().error.code]).toEqual([409, 'E_TRANSITION']);
  });

  it.each([
    ['note', { text: 'x' }, 'viewer', 403, 'E_FORBIDDEN'],
    ['approve', { step: 1, hash: '0'.repeat(64) }, 'responder', 403, 'E_FORBIDDEN'],
    ['approve', { step: 1, hash: '0'.repeat(63) }, 'approver', 400, 'E_USAGE'],
    ['approve', { step: 1 }, 'approver', 400, 'E_USAGE'],
    ['note', { text: ' ' }, 'admin', 400, 'E_USAGE'],
    ['note', { text: 'x', by: 'root' }, 'admin', 400, 'E_USAGE'],
    ['note', [], 'admin', 400, 'E_USAGE'],
    ['note', undefined, 'admin', 400, 'E_USAGE'],
    ['explode', {}, 'admin', 404, 'E_NOT_FOUND'],
    ['adopt', { runbook: 'nowhere' }, 'admin', 404, 'E_NOT_FOUND'],
  ] as const)('%s with %j by %s: %i %s', async (kind, body, role, status, code) => {
    const answer = await act(kind, body, role);
    expect([answer.statusCode, answer.json().error?.code], answer.body).toEqual([status, code]);
  });

  it('have a route each, and only for POST', async () => {
    for (const kind of Object.keys(actionBodies)) {
      const answer = await server.app.inject({
        url: `/api/v1/incidents/${id}/actions/${kind}`,
        headers: as('admin'),
      });
      expect([answer.statusCode, answer.headers['allow']], kind).toEqual([405, 'POST']);
    }
  });
});
