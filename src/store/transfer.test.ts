import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freshDatabase, postgresMissing } from '../../test/postgres.ts';
import { insertIntent } from './attempts.ts';
import { verifyAudit } from './audit.ts';
import { appendEvent } from './events.ts';
import { exportStore } from './export-store.ts';
import { importStore } from './import-store.ts';
import { insertIncident } from './incidents.ts';
import { openStore } from './open-store.ts';
import { keepRunbookVersion } from './runbook-versions.ts';
import type { Store } from './store.ts';
import { newIncident } from './testing.ts';
import { insertToken } from './tokens.ts';
import { setNext } from './work.ts';

async function sqlite(auditKey: string | null = null): Promise<Store> {
  const folder = mkdtempSync(join(tmpdir(), 'allclear-transfer-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const store = await openStore(join(folder, 'allclear.db'), { auditKey });
  onTestFinished(() => store.close());
  return store;
}

async function postgres(auditKey: string | null = null): Promise<Store> {
  const database = await freshDatabase();
  onTestFinished(() => database.drop());
  const store = await openStore(database.url, { auditKey });
  onTestFinished(() => store.close());
  return store;
}

/** More than a page of everything, and text of all kinds. */
async function fill(store: Store): Promise<void> {
  await store.write(async (tx) => {
    await keepRunbookVersion(tx, { file: 'a.md', source: '# Überlast 🚨\n\u2028' }, 1);
    for (let number = 0; number < 250; number++) {
      const id = `inc-${number}`;
      await insertIncident(
        tx,
        newIncident(id, { labels: { größe: 'a"\\\u0007' }, joinKey: number === 0 ? 'K' : null }),
      );
      await appendEvent(tx, id, { at: number, actor: 'Ada Ω', kind: 'note', data: { text: 'x\ny' } });
    }
    await insertIntent(tx, {
      id: 'a',
      incident: 'inc-1',
      step: 1,
      block: 0,
      stepHash: 'h',
      worker: 'w',
      at: 1,
      leaseUntil: 2,
    });
    const work = {
      kind: 'verify',
      site: 'eu',
      step: null,
      block: null,
      stepHash: null,
      expiresAt: null,
    } as const;
    await setNext(tx, 'inc-2', { work, waiting: { kind: 'x' }, at: 3 });
    await insertToken(tx, {
      id: 't',
      owner: 'o',
      label: 'l',
      role: 'admin',
      hash: 'h',
      at: 6,
      by: 'ada',
      expiresAt: 2 ** 45,
    });
  });
}

async function exported(store: Store): Promise<string> {
  let text = '';
  await exportStore(store, async (part) => {
    text += part;
  });
  return text;
}

/** In pieces that cut lines and characters. */
async function* pieces(text: string): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let from = 0; from < bytes.length; from += 1_001) yield bytes.subarray(from, from + 1_001);
}

const take = (store: Store, text: string) => importStore(store, pieces(text));

describe.skipIf(postgresMissing !== null)('a store moves', () => {
  it.each([
    ['from SQLite to PostgreSQL', sqlite, postgres],
    ['from PostgreSQL to SQLite', postgres, sqlite],
  ])('%s and is the same, byte by byte', async (_, from, to) => {
    const source = await from('key');
    await fill(source);
    const text = await exported(source);
    const target = await to('key');
    expect(await take(target, text)).toMatchObject({
      incidents: 250,
      events: 250,
      tokens: 1,
      step_attempts: 1,
      work: 1,
    });
    expect(await exported(target)).toBe(text);
    expect(await verifyAudit(target)).toMatchObject({ incidents: 250, findings: [] });
    // It goes on where it was.
    await target.write((tx) => appendEvent(tx, 'inc-1', { at: 9, actor: 'ada', kind: 'note', data: {} }));
    expect((await verifyAudit(target)).findings).toEqual([]);
  });
});

describe('an import', () => {
  const refusal = (work: Promise<unknown>) =>
    work.then(
      () => 'it went through',
      (error: Error) => error.message,
    );

  it('is whole or not at all', async () => {
    const source = await sqlite();
    await fill(source);
    const text = await exported(source);
    const lines = text.split('\n');
    const target = await sqlite();
    const cases: [string, RegExp][] = [
      ['', /its end is missing/],
      ['hello', /no JSON object/],
      ['{"a":1}\n', /not the beginning of an export/],
      [lines.slice(0, -3).join('\n'), /its end is missing/],
      [text.replace('Ada Ω', 'Eve Ω'), /checksum differs/],
      [[...lines.slice(0, 3), ...lines.slice(4)].join('\n'), /checksum differs|do not fit/],
      [[lines[0], lines[2], lines[1], ...lines.slice(3)].join('\n'), /checksum differs|do not fit/],
      [`${text}{}\n`, /after the end/],
      [text.replace('"table":"events"', '"table":"sqlite_master"'), /no row of a store/],
      [text.replace('"table":"events","row":{"actor"', '"table":"events","row":{"x"'), /not the columns/],
      [text.replace(/"schema":"[^"]*"/, '"schema":"9999-x"'), /newer Allclear/],
      [text.replace(/"schema":"[^"]*"/, '"schema":"0001-x"'), /older Allclear/],
    ];
    for (const [bad, why] of cases) expect(await refusal(take(target, bad))).toMatch(why);
    expect(await exported(target)).toBe(await exported(await sqlite()));
    await take(target, text);
    expect(await refusal(take(target, text))).toMatch(/not empty/);
  });

  it('wants the key that the store was kept with', async () => {
    const source = await sqlite('key');
    await fill(source);
    const text = await exported(source);
    expect(await refusal(take(await sqlite(), text))).toMatch(/another audit key/);
    expect(await refusal(take(await sqlite('other'), text))).toMatch(/another audit key/);
  });
});
