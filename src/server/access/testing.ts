/** The real access in front of a server for tests. */
import { makeToken, type Role } from '../../engine/index.ts';
import { TestClock } from '../../kernel/index.ts';
import { openStore } from '../../store/index.ts';
import type { ServerOptions } from '../options.ts';
import { startTestServer, type TestServer } from '../testing.ts';
import { type AccessOptions, ServiceAccess } from './access.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { DEFAULT_SESSION } from './sessions.ts';

export interface GuardedServer extends TestServer {
  /** The header of one who has the role; `ben` unless said otherwise. */
  as(role: Role, owner?: string): Promise<{ authorization: string }>;
}

export async function startGuardedServer(
  access: Partial<AccessOptions> = {},
  server: Partial<ServerOptions> = {},
): Promise<GuardedServer> {
  const clock = new TestClock();
  const store = await openStore(':memory:', { clock });
  const started = await startTestServer({
    ...server,
    store,
    access: new ServiceAccess({
      store,
      own: { publicUrl: null, hosts: [] },
      limits: DEFAULT_LIMITS,
      webhook: null,
      session: DEFAULT_SESSION,
      oidc: null,
      ...access,
    }),
  });
  const as = async (role: Role, owner = 'ben') => {
    const { token } = await makeToken(store, { owner, role, label: '', seconds: 3_600 }, 'test');
    return { authorization: `Bearer ${token}` };
  };
  return { ...started, clock, store, as };
}
