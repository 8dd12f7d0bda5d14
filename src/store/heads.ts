/**
 * Where time lines end. Nobody else moves the end of a time line whose incident a transaction holds: so it is read once,
 * moved in memory by each event, and written once, when the transaction ends.
 */
import { sql } from 'kysely';
import { forUpdate, type Writer } from './database.ts';
import { inParts } from './in-parts.ts';
import type { IncidentRow } from './schema.ts';
import { type Attached, attachedTo, type Head } from './transaction.ts';

/** Holds the incidents, in the order of their ids, until the transaction ends. Those that are not there have no head. */
export async function holdHeads(tx: Writer, incidents: Iterable<string>): Promise<ReadonlyMap<string, Head>> {
  const { heads } = attachedTo(tx);
  const missing = [...new Set(incidents)].filter((id) => !heads.has(id)).toSorted();
  for (const part of inParts(missing)) {
    const query = tx
      .selectFrom('incidents')
      .select(['id', 'seq', 'head_hash', 'updated_at'])
      .where('id', 'in', part)
      .orderBy('id');
    noteHeads(tx, await forUpdate(tx, query).execute());
  }
  return heads;
}

/** @param rows that this transaction has just read and holds */
export function noteHeads(
  tx: Writer,
  rows: readonly Pick<IncidentRow, 'id' | 'seq' | 'head_hash' | 'updated_at'>[],
): void {
  const { heads } = attachedTo(tx);
  for (const { id, seq, head_hash: hash, updated_at: at } of rows) {
    // Ours may have gone on from there.
    if (!heads.has(id)) heads.set(id, { seq, hash, at });
  }
}

/** @param incident one that this transaction holds */
export function moveHead(tx: Writer, incident: string, head: Head): void {
  const { heads, moved } = attachedTo(tx);
  heads.set(incident, head);
  moved.add(incident);
}

/** Writes the heads that have moved: at the end of a transaction. */
export async function writeHeads(tx: Writer, { heads, moved }: Attached): Promise<void> {
  for (const part of inParts([...moved])) {
    const values = part.map((id) => {
      const { seq, hash, at } = heads.get(id)!;
      return sql`(${id}, cast(${seq} as integer), ${hash}, cast(${at} as bigint))`;
    });
    await sql`with heads(id, seq, hash, at) as (values ${sql.join(values)})
      update incidents set seq = heads.seq, head_hash = heads.hash, updated_at = heads.at
      from heads where incidents.id = heads.id`.execute(tx);
  }
  moved.clear();
}
