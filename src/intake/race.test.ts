/** Several servers, one store: the alerts of one cause are one incident, whoever brings them first. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freshDatabase, postgresMissing } from '../../test/postgres.ts';
import { systemClock } from '../kernel/index.ts';
import { parseRunbook } from '../runbook/index.ts';
import { listIncidents, openStore, type Store } from '../store/index.ts';
import { createIntake } from './create-intake.ts';

const books = [parseRunbook('---\nalerts: [Storm]\n---\n# Storm\n', 'storm.md')];

async function prove(location: string): Promise<void> {
  const stores: Store[] = [];
  onTestFinished(async () => {
    for (const store of stores) await store.close();
  });
  for (let server = 0; server < 3; server++) stores.push(await openStore(location));
  const alerts = Array.from({ length: 300 }, (_, index) => ({
    status: 'firing' as const,
    labels: { alertname: 'Storm', cluster: `c-${index % 5}` },
    annotations: {},
    startsAt: 1_000,
    endsAt: null,
    fingerprint: `fp-${index}`,
  }));
  // Each brings all of them, in another order, as the Alertmanagers of a cluster may.
  const answers = await Promise.all(
    stores.map(async (store, server) => {
      const intake = createIntake({
        store,
        clock: systemClock,
        runbooks: () => books,
        actor: `server-${server}`,
      });
      const own = server === 1 ? alerts.toReversed() : alerts;
      const parts = Array.from({ length: 10 }, (_, part) => own.slice(part * 30, part * 30 + 30));
      return (await Promise.all(parts.map((part) => intake.accept(part)))).flat();
    }),
  );
  expect(answers.map((received) => received.length)).toEqual([300, 300, 300]);
  const incidents = await listIncidents(stores[0]!.db, { limit: 99 });
  expect(incidents.map(({ alertCount }) => alertCount)).toEqual([60, 60, 60, 60, 60]);
  const rows = await stores[0]!.db.selectFrom('alerts').select('received_count').execute();
  expect(new Set(rows.map(({ received_count }) => received_count))).toEqual(new Set([3]));
}

describe('servers that bring the same alerts at once', () => {
  it('open one incident per cause, and count each alert once, on SQLite', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'allclear-race-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    await prove(join(folder, 'allclear.db'));
  });

  it.skipIf(postgresMissing)('and on PostgreSQL', async () => {
    const database = await freshDatabase();
    onTestFinished(() => database.drop());
    await prove(database.url);
  });
});
