/** The store, and what is in it that a service needs. */
import { existsSync } from 'node:fs';
import type { Clock } from '../../kernel/index.ts';
import { listTokens, openStore, type Store } from '../../store/index.ts';
import { brokenBy, type Finding, ok, warning } from './finding.ts';

/** Milliseconds. Leases go by the store's time; what people read goes by this machine's. */
const SKEW_MS = 2_000;
const STORE_FIX = 'Let ALLCLEAR_STORE name a file, or postgres://user@host/database.';

export interface StoreAbout {
  readonly location: string;
  readonly clock: Clock;
  /** What Alertmanager is to send; null: none is configured. */
  readonly webhook: boolean;
}

/** A store in a file that is not there yet is not made. One that is older is brought up to date, as by any command. */
export async function storeFindings(about: StoreAbout): Promise<Finding[]> {
  const { location } = about;
  const isServer = /^[a-z][a-z0-9+]+:\/\//i.test(location);
  if (!isServer && location !== ':memory:' && !existsSync(location)) {
    return [ok('store', `sqlite, ${location}: made when it is needed`), accessFinding(0, about.webhook)];
  }
  let store: Store | undefined;
  try {
    store = await openStore(location);
    await store.write(async (tx) => tx.selectFrom('meta').select('key').limit(1).execute());
    const tokens = await listTokens(store.db);
    return [
      ok('store', `${store.kind}, ${store.location}: up to date, can be written`),
      skewFinding(store.now() - about.clock.now()),
      accessFinding(tokens.length, about.webhook),
    ];
  } catch (error) {
    return [brokenBy('store', error, STORE_FIX)];
  } finally {
    await store?.close();
  }
}

export function skewFinding(ms: number): Finding {
  const seconds = (ms / 1000).toFixed(1);
  if (Math.abs(ms) <= SKEW_MS) return ok('clock', "goes with the store's");
  const shown = ms > 0 ? `${seconds} s behind the store's` : `${seconds.slice(1)} s ahead of the store's`;
  return warning('clock', shown, 'Set the clocks by NTP, here and on the database.');
}

/** Without a way in `allclear serve` acknowledges nothing and shows nothing. */
export function accessFinding(tokens: number, webhook: boolean): Finding {
  const name = 'access';
  const shown = `${tokens} API token${tokens === 1 ? '' : 's'}, ${webhook ? 'a' : 'no'} webhook secret`;
  if (tokens > 0 && webhook) return ok(name, shown);
  if (tokens === 0) {
    const fix = 'For `allclear serve`: make a token with `allclear token create`.';
    return warning(name, shown, fix);
  }
  return warning(name, shown, 'Alertmanager needs ALLCLEAR_WEBHOOK_SECRET, or a token of its own.');
}
