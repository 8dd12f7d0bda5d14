/** `/api/v1/me` and `/api/v1/tokens`: who calls, and the tokens that may. */
import { z } from 'zod';
import { makeToken, revokeToken, roles, TOKEN_SECONDS } from '../../engine/index.ts';
import { listTokens, type Store } from '../../store/index.ts';
import type { App } from '../app.ts';
import { errors } from '../failures.ts';
import { actorOf } from '../gate.ts';

const role = z.enum(roles);
const time = z.number();

const me = z.object({
  name: z.string(),
  role,
  via: z.enum(['local', 'token', 'login', 'agent']),
});

const token = z.object({
  id: z.string(),
  owner: z.string().describe('The person or program: all tokens of one owner are one person'),
  label: z.string(),
  role: z.string(),
  madeAt: time,
  madeBy: z.string(),
  expiresAt: time.nullable().describe('Null: it never expires'),
  revokedAt: time.nullable(),
  revokedBy: z.string().nullable(),
  usedAt: time.nullable().describe('To the minute'),
});

const wish = z.strictObject({
  owner: z.string().min(1).max(200),
  role,
  label: z.string().max(200).default(''),
  seconds: z
    .int()
    .min(1)
    .max(3_650 * 86_400)
    .nullable()
    .default(TOKEN_SECONDS)
    .describe('How long it is valid; null: for ever'),
});

const admin = { access: 'admin' } as const;
const tags = ['access'];

export function tokenRoutes(app: App, store: Store): void {
  app.get(
    '/api/v1/me',
    {
      config: { access: 'viewer' },
      schema: { tags, summary: 'Who calls', response: { 200: me, ...errors(401, 429) } },
    },
    (request) => ({ ...actorOf(request) }),
  );
  app.get(
    '/api/v1/tokens',
    {
      config: admin,
      schema: {
        tags,
        summary: 'All tokens, newest first; never the tokens themselves',
        response: { 200: z.object({ tokens: z.array(token) }), ...errors(401, 403, 429) },
      },
    },
    async () => ({ tokens: (await listTokens(store.db)).map((one) => ({ ...one })) }),
  );
  app.post(
    '/api/v1/tokens',
    {
      config: admin,
      schema: {
        tags,
        summary: 'Makes a token; this answer alone has it',
        body: wish,
        response: {
          201: z.object({ token: z.string().describe('Keep it: it cannot be had again'), record: token }),
          ...errors(400, 401, 403, 422, 429),
        },
      },
    },
    async (request, reply) => {
      const made = await makeToken(store, request.body, actorOf(request).name);
      return reply.status(201).header('cache-control', 'no-store').send(made);
    },
  );
  app.delete(
    '/api/v1/tokens/:id',
    {
      config: admin,
      schema: {
        tags,
        summary: 'Ends a token at once',
        params: z.object({ id: z.string().min(1).max(100) }),
        response: { 200: token, ...errors(401, 403, 404, 429) },
      },
    },
    async (request) => ({ ...(await revokeToken(store, request.params.id, actorOf(request).name)) }),
  );
}
