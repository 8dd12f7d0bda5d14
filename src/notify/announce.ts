import type { Change } from '../engine/index.ts';
import { findIncident, latestNews, putOutbox, type Writer } from '../store/index.ts';
import { type News, newsOf, type Said } from './news.ts';

/** What a row of the outbox without a target holds. */
export interface Announced {
  readonly meaning: string;
  readonly said: Said;
}

/**
 * Writes the news of a change into the outbox, in the change's own transaction: what has happened is told, or
 * has not happened. It needs to know no targets, so workers need no secrets.
 */
export async function announce(tx: Writer, change: Change): Promise<void> {
  if (newsOf(change, '').length === 0) return;
  const incident = await findIncident(tx, change.incident);
  const news = newsOf(change, incident?.runbook ?? '');
  for (const [index, one] of news.entries()) await announceOne(tx, change, one, index);
}

async function announceOne(tx: Writer, change: Change, news: News, index: number): Promise<void> {
  const { seq, meaning, said } = news;
  const last = (await latestNews(tx, change.incident, said.about)) as Announced | null;
  if (last?.meaning === meaning) return;
  await putOutbox(tx, {
    id: `${change.incident}.${seq}.${index}-${said.about}`,
    incident: change.incident,
    seq,
    about: said.about,
    target: '',
    payload: { meaning, said } satisfies Announced,
    madeAt: change.at,
  });
}
