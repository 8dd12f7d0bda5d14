/** The worker processes that are there, by their own word. */

import type { Reader, Writer } from './database.ts';
import { fromJson, toJson } from './json.ts';

export interface WorkerRecord {
  /** `host:pid:random`. */
  readonly id: string;
  /** Null: takes work of any site. */
  readonly sites: readonly string[] | null;
  readonly version: string;
  /** Epoch ms. */
  readonly startedAt: number;
  readonly seenAt: number;
}

/** A worker says that it is there, for the first time or again. */
export async function seeWorker(tx: Writer, worker: WorkerRecord): Promise<void> {
  await tx
    .insertInto('workers')
    .values({
      id: worker.id,
      sites: worker.sites && toJson(worker.sites),
      version: worker.version,
      started_at: worker.startedAt,
      seen_at: worker.seenAt,
    })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ seen_at: worker.seenAt }))
    .execute();
}

export async function removeWorker(tx: Writer, id: string): Promise<void> {
  await tx.deleteFrom('workers').where('id', '=', id).execute();
}

/** Removes those that have said nothing since `before`, epoch ms. */
export async function pruneWorkers(tx: Writer, before: number): Promise<void> {
  await tx.deleteFrom('workers').where('seen_at', '<', before).execute();
}

/** Those that were heard of since `since`, epoch ms, longest there first. */
export async function listWorkers(db: Reader, since: number, limit = 1_000): Promise<WorkerRecord[]> {
  const rows = await db
    .selectFrom('workers')
    .selectAll()
    .where('seen_at', '>=', since)
    .orderBy('started_at')
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    id: row.id,
    sites: row.sites === null ? null : (fromJson(row.sites) as string[]),
    version: row.version,
    startedAt: row.started_at,
    seenAt: row.seen_at,
  }));
}
