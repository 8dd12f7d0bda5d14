/** A store into a file and out of one: opening the ends, and saying what is wrong with them. */
import { open, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { replayIncident } from '../engine/index.ts';
import { AllclearError, systemCode } from '../kernel/index.ts';
import {
  type AuditReport,
  appendLedger,
  type Counts,
  exportStore,
  importStore,
  listEvents,
  type Store,
  verifyAudit,
} from '../store/index.ts';

/**
 * Writes the store to a file, which appears when it is whole, or to `out` for `-`.
 * @throws `E_FILE_UNREADABLE` when the file cannot be written, and as `exportStore`
 */
export async function exportTo(store: Store, target: string, cwd: string, out: Writable): Promise<Counts> {
  if (target === '-') return exportStore(store, (text) => put(out, text));
  const file = resolve(cwd, target);
  const part = `${file}.part`;
  // Outputs and hashes of tokens are nobody else's business.
  const handle = await open(part, 'w', 0o600).catch((error: unknown) => {
    throw fileError(error, file, 'written');
  });
  try {
    const counts = await exportStore(store, (text) => handle.appendFile(text));
    await handle.sync();
    await handle.close();
    await rename(part, file);
    return counts;
  } catch (error) {
    await handle.close();
    await rm(part, { force: true });
    throw fileError(error, file, 'written');
  }
}

async function put(stream: Writable, text: string): Promise<void> {
  if (stream.errored) throw stream.errored;
  await new Promise<void>((done, failed) => {
    stream.write(text, (error) => (error ? failed(error) : done()));
  });
}

export interface Imported {
  readonly counts: Counts;
  /** What was imported, held against its chains. */
  readonly audit: AuditReport;
}

/**
 * Fills an empty store from a file, or from `input` for `-`, and audits it.
 * @throws `E_FILE_NOT_FOUND`, `E_FILE_UNREADABLE`, and as `importStore`
 */
export async function importFrom(
  store: Store,
  source: string,
  options: { readonly cwd: string; readonly actor: string; readonly input: Readable },
): Promise<Imported> {
  const file = resolve(options.cwd, source);
  const counts = await (async () => {
    const stream = source === '-' ? options.input : (await open(file)).createReadStream();
    return importStore(store, stream);
  })().catch((error: unknown) => {
    throw fileError(error, file, 'read');
  });
  const audit = await auditStore(store);
  await store.write(async (tx) => {
    const data = { head: audit.head, incidents: counts.incidents, events: counts.events };
    appendLedger(tx, { at: store.now(), actor: options.actor, kind: 'store-imported', incident: null, data });
  });
  return { counts, audit };
}

/** Holds the store against its chains, and every incident's state against its events. */
export function auditStore(store: Store, expect?: string): Promise<AuditReport> {
  return verifyAudit(store, { expect, replay: replayIncident });
}

/** Time lines as JSON lines, with their hashes; of one incident, or of all in the order of their ids. */
export async function exportEvents(
  store: Store,
  incidents: AsyncIterable<string> | Iterable<string>,
  out: Writable,
): Promise<void> {
  for await (const incident of incidents) {
    for (let after = 0; ; ) {
      const events = await listEvents(store.db, incident, { after, limit: 500 });
      if (events.length > 0) await put(out, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
      if (events.length < 500) break;
      after = events.at(-1)!.seq;
    }
  }
}

function fileError(error: unknown, file: string, how: 'read' | 'written'): unknown {
  const code = systemCode(error);
  if (error instanceof AllclearError || code === undefined || !/^E[A-Z]+$/.test(code)) return error;
  if (code === 'ENOENT')
    return new AllclearError('E_FILE_NOT_FOUND', {
      what: 'there is no such file or folder',
      file,
      cause: error,
    });
  return new AllclearError('E_FILE_UNREADABLE', {
    what: `it cannot be ${how} (${code})`,
    file,
    cause: error,
  });
}
