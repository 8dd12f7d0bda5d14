/**
 * How fast alerts become durable: a burst of 10,000, and a steady stream, through the HTTP route of a real
 * `allclear serve`, beside single durable inserts into the same kind of store, and beside the pace at which a real
 * Alertmanager sends. On SQLite, and on PostgreSQL where it is installed.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openStore, type Store } from '../src/store/index.ts';
import { postgresMissing, startPostgres } from '../test/postgres.ts';
import { alertmanagerPace } from './intake/alertmanager.ts';
import { type Delivery, deliver, storm } from './intake/deliveries.ts';
import { type Service, startService } from './intake/service.ts';
import type { BenchResult } from './run.ts';

const BURST = 10_000;
const CAUSES = 20;
const BURST_LIMIT_SECONDS = 5;
const STEADY_FACTOR = 3;
const ROUNDS = 3;
const ROUND_MS = 3_000;
const CONNECTIONS = 32;
/** What Alertmanager sends of a group that changes is a few alerts; 1 is the worst case. */
const ALERTS_A_MESSAGE = 10;

interface Measured {
  readonly burst: {
    readonly seconds: number;
    readonly alerts: number;
    readonly incidents: number;
    readonly durable: number;
  };
  /** A second. */
  readonly steady: { readonly alerts: number; readonly singleAlerts: number; readonly bareInserts: number };
  readonly alertmanager: { readonly seconds: number; readonly alertsPerSecond: number } | string;
}

export async function intake(): Promise<BenchResult> {
  const sqlite = await onStore(null);
  const postgres = postgresMissing === null ? await onPostgres() : postgresMissing;
  const all = typeof postgres === 'string' ? [sqlite] : [sqlite, postgres];
  const ratio = Math.min(...all.map(({ steady }) => steady.alerts / steady.bareInserts));
  const met = all.every(
    ({ burst }) =>
      burst.seconds <= BURST_LIMIT_SECONDS && burst.durable === BURST && burst.incidents === CAUSES,
  );
  return {
    question: 'How fast are alerts durable and acknowledged, beside single durable inserts?',
    measured: {
      alertsAMessage: ALERTS_A_MESSAGE,
      connections: CONNECTIONS,
      causes: CAUSES,
      sqlite,
      postgres,
    },
    ratio,
    target: `${BURST} alerts within ${BURST_LIMIT_SECONDS} s, all durable, one incident per cause; steadily ${STEADY_FACTOR} times the inserts`,
    met: met && ratio >= STEADY_FACTOR,
  };
}

async function onPostgres(): Promise<Measured> {
  const server = await startPostgres({ fsync: true });
  // The server does not keep this process alive, which waits for its end below.
  const alive = setInterval(() => {}, 60_000);
  try {
    return await onStore(() => server.freshDatabase().then(({ url }) => url));
  } finally {
    await server.remove();
    clearInterval(alive);
  }
}

/** @param database a new, empty database; null for a file */
async function onStore(database: (() => Promise<string>) | null): Promise<Measured> {
  // The store's disk is what is measured: not a file system in memory.
  const folder = mkdtempSync(join(process.env['ALLCLEAR_BENCH_DIR'] ?? tmpdir(), 'allclear-bench-intake-'));
  writeFileSync(join(folder, 'storm.md'), '---\nalerts: [Storm]\n---\n# Storm\n');
  const place = async (name: string) => (database ? database() : join(folder, `${name}.db`));
  try {
    return {
      burst: await measureBurst(folder, await place('burst')),
      steady: await measureSteady(folder, await place('steady'), await place('bare')),
      alertmanager: await withService(folder, await place('alertmanager'), (service) =>
        alertmanagerPace(folder, service, BURST),
      ),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** All at once, one message per cause, as Alertmanager groups them. Then the server is killed, and the rows are counted. */
async function measureBurst(folder: string, location: string): Promise<Measured['burst']> {
  const service = await startService(folder, location);
  let seconds: number;
  try {
    const messages = storm({ alerts: BURST, causes: CAUSES, aMessage: BURST / CAUSES });
    const began = performance.now();
    await Promise.all(messages.map((message) => deliver(service, message)));
    seconds = round3((performance.now() - began) / 1000);
  } finally {
    await service.kill();
  }
  const store = await openStore(location);
  try {
    return { seconds, alerts: BURST, ...(await counted(store)) };
  } finally {
    await store.close();
  }
}

async function counted(store: Store): Promise<{ incidents: number; durable: number }> {
  const count = async (table: 'alerts' | 'incidents') => {
    const row = await store.db
      .selectFrom(table)
      .select((eb) => eb.fn.countAll<number>().as('rows'))
      .executeTakeFirstOrThrow();
    return row.rows;
  };
  return { incidents: await count('incidents'), durable: await count('alerts') };
}

/** In turns, so that all have the same machine. */
async function measureSteady(
  folder: string,
  location: string,
  bareLocation: string,
): Promise<Measured['steady']> {
  const bare = await openStore(bareLocation);
  try {
    return await withService(folder, location, async (service) => {
      const rates = { alerts: [] as number[], singleAlerts: [] as number[], bareInserts: [] as number[] };
      for (let round = 0; round < ROUNDS; round++) {
        rates.bareInserts.push(await insertRate(bare));
        rates.alerts.push(await streamRate(service, ALERTS_A_MESSAGE, `many-${round}`));
        rates.singleAlerts.push(await streamRate(service, 1, `one-${round}`));
      }
      const { alerts, singleAlerts, bareInserts } = rates;
      return { alerts: median(alerts), singleAlerts: median(singleAlerts), bareInserts: median(bareInserts) };
    });
  } finally {
    await bare.close();
  }
}

/** One row, one transaction, one after the other. */
async function insertRate(store: Store): Promise<number> {
  const began = performance.now();
  let rows = 0;
  for (; performance.now() - began < ROUND_MS; rows++) {
    const key = crypto.randomUUID();
    await store.write((tx) =>
      tx
        .insertInto('meta')
        .values({ key, value: 'x'.repeat(200) })
        .execute(),
    );
  }
  return perSecond(rows, began);
}

async function streamRate(service: Service, aMessage: number, name: string): Promise<number> {
  const began = performance.now();
  let alerts = 0;
  let next = 0;
  const work = async () => {
    while (performance.now() - began < ROUND_MS) {
      const [message] = storm({
        alerts: aMessage,
        causes: 1,
        aMessage,
        from: next++,
        name: `${name}-${next % CAUSES}`,
      }) as [Delivery];
      await deliver(service, message);
      alerts += aMessage;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
  return perSecond(alerts, began);
}

async function withService<T>(
  folder: string,
  location: string,
  work: (service: Service) => Promise<T>,
): Promise<T> {
  const service = await startService(folder, location);
  try {
    return await work(service);
  } finally {
    await service.kill();
    await sleep(100);
  }
}

function perSecond(count: number, began: number): number {
  return Math.round(count / ((performance.now() - began) / 1000));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function round3(value: number): number {
  return Math.round(value * 1000) / 1000;
}

if (import.meta.main) console.log(JSON.stringify(await intake(), null, 2));
