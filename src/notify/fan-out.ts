/** From news to a row for every target that wants it. */
import {
  claimOutbox,
  endOutbox,
  findIncident,
  type OutboxRecord,
  putOutbox,
  type Store,
} from '../store/index.ts';
import type { Announced } from './announce.ts';
import type { Target } from './config.ts';
import { makeNotice } from './notice.ts';

const BATCH = 50;
const LEASE_MS = 30_000;

export interface FanOut {
  readonly store: Store;
  readonly targets: readonly Target[];
  readonly publicUrl: string | null;
}

/** Looks at waiting news once. @returns how much there was */
export async function fanOut(context: FanOut): Promise<number> {
  const news = await claimOutbox(context.store, '', BATCH, LEASE_MS);
  for (const one of news) await fanOutOne(context, one);
  return news.length;
}

async function fanOutOne({ store, targets, publicUrl }: FanOut, news: OutboxRecord): Promise<void> {
  const { said } = news.payload as Announced;
  const secrets = targets.flatMap((target) => target.secrets);
  await store.write(async (tx) => {
    const incident = await findIncident(tx, news.incident);
    for (const target of incident ? targets.filter((one) => wants(one, said.about, incident)) : []) {
      const id = `${news.id}.${target.name}`;
      const notice = makeNotice({ id, at: news.madeAt, said, incident: incident!, publicUrl, secrets });
      const { seq, about } = news;
      await putOutbox(tx, {
        id,
        incident: news.incident,
        seq,
        about,
        target: target.name,
        payload: notice,
        madeAt: store.now(),
      });
    }
    await endOutbox(tx, news, { state: 'delivered', error: null, at: store.now() });
  });
}

function wants(
  target: Target,
  about: Announced['said']['about'],
  incident: { readonly severity: string | null; readonly runbook: string },
): boolean {
  const { on, severity, runbooks } = target;
  return (
    on.has(about) &&
    (severity === null || severity.has(incident.severity ?? '')) &&
    (runbooks === null || runbooks.has(incident.runbook))
  );
}
