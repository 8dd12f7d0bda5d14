/** A server for tests: in memory, with one token per role (`viewer`, `responder`, `approver`, `admin`, `hook`). */
import type { FastifyRequest } from 'fastify';
import { type Actor, type Desk, type Role, roles } from '../engine/index.ts';
import { AllclearError, type LogEntry, TestClock } from '../kernel/index.ts';
import type { Runbook } from '../runbook/index.ts';
import { openStore, type Store } from '../store/index.ts';
import type { App } from './app.ts';
import type { ServerOptions } from './options.ts';
import { createServer } from './server.ts';

export interface TestServer {
  readonly app: App;
  readonly desk: Desk;
  readonly store: Store;
  readonly clock: TestClock;
  readonly logged: LogEntry[];
  close(): Promise<void>;
}

interface TestOptions extends Partial<ServerOptions> {
  readonly store?: Store;
  /** What the desk's library holds. */
  readonly runbooks?: readonly Runbook[];
}

export async function startTestServer({
  store: given,
  runbooks = [],
  ...changes
}: TestOptions = {}): Promise<TestServer> {
  const clock = new TestClock();
  const store = given ?? (await openStore(':memory:', { clock }));
  const logged: LogEntry[] = [];
  const desk: Desk = {
    store,
    clock,
    library: { list: () => runbooks },
    policies: [],
    params: {},
    secrets: [],
  };
  const app = await createServer({
    desk,
    access: testAccess,
    shelf: { all: () => [], find: () => null, problems: () => [] },
    log: (entry) => logged.push(entry),
    version: '0.0.0',
    deliver: async () => ({ alerts: 0, incidents: [] }),
    ready: async () => ({ ready: true, checks: {} }),
    ...changes,
  });
  const close = async () => {
    await app.close();
    await store.close();
  };
  return { app, desk, store, clock, logged, close };
}

/** Knows the tokens below. */
export const testAccess = { authenticate, authenticateWebhook };

/** The header of one who has the role. */
export function as(role: Role | 'hook'): { authorization: string } {
  return { authorization: `Bearer ${role}` };
}

async function authenticate({ headers }: FastifyRequest): Promise<Actor> {
  const role = roles.find((one) => headers.authorization === `Bearer ${one}`);
  if (role) return { name: `the ${role}`, role, via: 'token' };
  throw new AllclearError('E_UNAUTHORIZED', { what: 'the token is missing or wrong', next: 'Send one.' });
}

async function authenticateWebhook({ headers }: FastifyRequest): Promise<Actor> {
  if (headers.authorization === 'Bearer hook') return { name: 'alertmanager', role: 'viewer', via: 'token' };
  throw new AllclearError('E_UNAUTHORIZED', { what: 'the secret is missing or wrong' });
}
