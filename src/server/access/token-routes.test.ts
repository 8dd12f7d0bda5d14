import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GuardedServer, startGuardedServer } from './testing.ts';

let server: GuardedServer;
let admin: { authorization: string };
beforeEach(async () => {
  server = await startGuardedServer();
  admin = await server.as('admin', 'root');
});
afterEach(() => server.close());

const ask = (method: 'GET' | 'POST' | 'DELETE', url: string, headers: object, payload?: object) =>
  server.app.inject({ method, url, headers: { ...headers }, ...(payload && { payload }) });

describe('tokens over the API', () => {
  it('are made once and listed without themselves, come in, and end at once', async () => {
    const made = await ask('POST', '/api/v1/tokens', admin, {
      owner: 'ada',
      role: 'viewer',
      label: 'laptop',
    });
    expect(made.statusCode).toBe(201);
    expect(made.headers['cache-control']).toBe('no-store');
    const { token, record } = made.json<{ token: string; record: { id: string } }>();
    const header = { authorization: `Bearer ${token}` };
    expect((await ask('GET', '/api/v1/me', header)).json()).toEqual({
      name: 'ada',
      role: 'viewer',
      via: 'token',
    });
    const list = await ask('GET', '/api/v1/tokens', admin);
    // Newest first, but two of the same millisecond in any order.
    expect(list.json().tokens).toHaveLength(2);
    expect(list.json().tokens).toContainEqual(
      expect.objectContaining({ owner: 'ada', madeBy: 'root', revokedAt: null }),
    );
    expect(list.body).not.toContain(token.slice('allclear_'.length));
    expect(list.body).not.toContain('hash');
    const ended = await ask('DELETE', `/api/v1/tokens/${record.id}`, admin);
    expect(ended.json()).toMatchObject({ id: record.id, revokedBy: 'root' });
    expect((await ask('GET', '/api/v1/me', header)).statusCode).toBe(401);
  });

  it('are for admins', async () => {
    const approver = await server.as('approver');
    const tries = [
      ask('GET', '/api/v1/tokens', approver),
      ask('POST', '/api/v1/tokens', approver, { owner: 'ben', role: 'admin' }),
      ask('DELETE', '/api/v1/tokens/tok-1', approver),
    ];
    for (const answer of await Promise.all(tries)) expect(answer.json().error.code).toBe('E_FORBIDDEN');
  });

  it.each([
    [{ owner: 'ada' }, 400],
    [{ owner: 'ada', role: 'root' }, 400],
    [{ owner: '', role: 'viewer' }, 400],
    [{ owner: 'a\nb', role: 'viewer' }, 422],
    [{ owner: 'ada', role: 'viewer', seconds: 0 }, 400],
    [{ owner: 'ada', role: 'viewer', seconds: 1e12 }, 400],
    [{ owner: 'ada', role: 'viewer', expires: '90d' }, 400],
  ])('are not made of %j', async (wish, status) => {
    const answer = await ask('POST', '/api/v1/tokens', admin, wish);
    expect([answer.statusCode, Object.keys(answer.json().error)]).toEqual([status, ['code', 'what', 'next']]);
  });

  it('that never were cannot be revoked', async () => {
    expect((await ask('DELETE', '/api/v1/tokens/tok-none', admin)).json().error.code).toBe('E_NOT_FOUND');
  });
});
