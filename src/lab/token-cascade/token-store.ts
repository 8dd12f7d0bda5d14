import type { Adapter, AdapterPayload } from 'oidc-provider';
import type { Clock } from '../../kernel/index.ts';

/** Far more than a lab writes in an hour. */
const MAX_RECORDS = 500_000;

interface Stored {
  readonly payload: AdapterPayload;
  /** Epoch milliseconds. */
  readonly until: number;
}

/**
 * Where the authorization server keeps grants, codes and refresh tokens: in memory, as the adapter that
 * oidc-provider brings along, but with room for more than 1,000 records (beyond, that one forgets grants
 * that are in use).
 */
export function createTokenStore(clock: Clock): (model: string) => Adapter {
  const records = new Map<string, Stored>();
  const byGrant = new Map<string, Set<string>>();

  const read = (key: string): AdapterPayload | undefined => {
    const found = records.get(key);
    if (!found || found.until > clock.now()) return found?.payload;
    records.delete(key);
    return undefined;
  };
  const write = (key: string, payload: AdapterPayload, seconds: number | undefined) => {
    if (records.size >= MAX_RECORDS) throw new RangeError('the lab has too many tokens');
    records.set(key, { payload, until: seconds ? clock.now() + seconds * 1000 : Number.POSITIVE_INFINITY });
    if (payload.grantId === undefined) return;
    const family = byGrant.get(payload.grantId) ?? new Set();
    byGrant.set(payload.grantId, family.add(key));
  };

  return (model) => ({
    upsert: async (id, payload, seconds) => write(`${model}:${id}`, payload, seconds),
    find: async (id) => read(`${model}:${id}`),
    // Only interactive log-ins in a browser ask for these two, and the lab has no browser.
    findByUid: async () => undefined,
    findByUserCode: async () => undefined,
    consume: async (id) => {
      const payload = read(`${model}:${id}`);
      if (payload) payload.consumed = Math.floor(clock.now() / 1000);
    },
    destroy: async (id) => void records.delete(`${model}:${id}`),
    revokeByGrantId: async (grantId) => {
      for (const key of byGrant.get(grantId) ?? []) records.delete(key);
      byGrant.delete(grantId);
    },
  });
}
