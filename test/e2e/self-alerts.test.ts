/** The runbooks and alerts for Allclear itself, held against the metrics of a real server in and out of trouble. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readRunbook, readTextFile } from '../../src/app/read-runbooks.ts';
import { diagnose, openIncident } from '../../src/engine/index.ts';
import { systemClock } from '../../src/kernel/index.ts';
import { parseExposition, parseRuleFile, SampleWindow, WindowSource } from '../../src/metrics/index.ts';
import { parseRunbook, type Runbook } from '../../src/runbook/index.ts';
import { as, startTestServer, type TestServer } from '../../src/server/testing.ts';
import {
  claimOutbox,
  insertEvidence,
  insertIntent,
  postponeOutbox,
  putOutbox,
  setNext,
  sweepExpired,
} from '../../src/store/index.ts';
import { root } from './program.ts';

const LIBRARY = join(root, 'runbooks');
const ids = readdirSync(LIBRARY)
  .filter((name) => name.startsWith('allclear-'))
  .map((name) => name.replace('.md', ''));

let server: TestServer;
let shelf: Runbook[];
let problems: { file: string; line: null; what: string }[];
let window: SampleWindow;
let up: number;
beforeEach(async () => {
  shelf = [parseRunbook('---\nid: fresh\nreviewed: 2025-12-31\n---\n# Fresh\n', 'fresh.md')];
  problems = [];
  up = 1;
  window = new SampleWindow();
  server = await startTestServer({
    shelf: {
      all: () => shelf.map((runbook) => ({ runbook, family: '', hash: '', readAt: 0, problem: null })),
      find: () => null,
      problems: () => problems,
    },
  });
});
afterEach(() => server.close());

/** What a Prometheus keeps of the server, a scrape each 15 s. */
async function scrape(times: number): Promise<void> {
  for (let count = 0; count < times; count++) {
    await server.clock.advance(15_000);
    const now = server.clock.now();
    const own = { job: 'allclear', instance: 'a' };
    window.append({ __name__: 'up', ...own }, now, up);
    if (up === 0) continue;
    const { body } = await server.app.inject({ url: '/metrics' });
    for (const { labels, value } of parseExposition(body).samples) {
      window.append({ ...labels, ...own }, now, value);
    }
  }
}

async function verdictOf(id: string): Promise<string> {
  const { verdict, why, readings } = await diagnose(await readRunbook(`${id}.md`, LIBRARY), {
    clock: systemClock,
    cwd: LIBRARY,
    env: {},
    hosts: [],
    metrics: new WindowSource(window, { clock: server.clock }),
    secrets: [],
    sampleSeconds: 1,
  });
  expect(
    readings.filter(({ judgement }) => judgement === 'error'),
    why,
  ).toEqual([]);
  return verdict;
}

/** Alerts for Allclear whose expression holds now. */
async function alerts(): Promise<string[]> {
  const file = join(LIBRARY, 'alerts.yaml');
  const groups = parseRuleFile(await readTextFile(file, LIBRARY), file);
  const source = new WindowSource(window, { clock: server.clock });
  const firing: string[] = [];
  for (const { name, expr } of groups.find((group) => group.name === 'allclear')!.rules) {
    const found = await source.query(expr);
    if (found.type === 'vector' && found.samples.length > 0) firing.push(name);
  }
  return firing;
}

function open(): Promise<string> {
  const opening = { runbook: 'fresh', version: null, title: 'A', severity: null, labels: {}, joinKey: null };
  return server.store.write((tx) => openIncident(tx, opening, 'test', server.clock));
}

const noStep = { step: null, block: null, stepHash: null, expiresAt: null };

/** What goes wrong, by runbook, and the alerts that must say so. */
const troubles: Readonly<
  Record<string, { readonly alerts: readonly string[]; readonly make: () => Promise<void> }>
> = {
  'allclear-down': {
    alerts: ['AllclearDown'],
    make: async () => {
      up = 0;
    },
  },
  'allclear-store': {
    alerts: ['AllclearStoreUnavailable'],
    make: () => server.store.close(),
  },
  'allclear-webhook-fails': {
    alerts: ['AllclearWebhookFails'],
    make: async () => {
      await scrape(1);
      for (let count = 0; count < 5; count++) {
        const request = { method: 'POST', url: '/api/v1/webhooks/alertmanager', payload: {} } as const;
        const { statusCode } = await server.app.inject({
          ...request,
          headers: { authorization: 'Bearer wrong' },
        });
        expect(statusCode).toBe(401);
      }
    },
  },
  'allclear-work-waits': {
    alerts: ['AllclearWorkWaits'],
    make: async () => {
      const incident = await open();
      const next = {
        work: { kind: 'diagnose', site: 'eu', ...noStep },
        waiting: null,
        at: server.store.now(),
      } as const;
      await server.store.write((tx) => setNext(tx, incident, next));
      await server.clock.advance(150_000);
    },
  },
  'allclear-waits-for-people': {
    alerts: ['AllclearStepUnknown', 'AllclearNobodyDecides'],
    make: async () => {
      const incident = await open();
      const at = server.store.now();
      const intent = {
        id: 'a',
        incident,
        step: 1,
        block: 0,
        stepHash: 'h',
        worker: 'w',
        at,
        leaseUntil: at + 5_000,
      };
      await server.store.write((tx) => insertIntent(tx, intent));
      await server.clock.advance(10_000);
      await server.store.write((tx) => sweepExpired(tx, server.store.now()));
      const waiting = { kind: 'decision', step: 1, title: 'x', about: 'unknown', block: 0, attempt: 1 };
      await server.store.write((tx) =>
        setNext(tx, incident, { work: null, waiting, at: server.store.now() }),
      );
      await server.clock.advance(1_000_000);
    },
  },
  'allclear-broken-checks': {
    alerts: ['AllclearChecksBroken', 'AllclearLibraryProblems'],
    make: async () => {
      problems = [{ file: 'x.md', line: null, what: 'it is broken' }];
      const evidence = (subject: string, kind: string) => ({
        id: subject,
        runbook: 'fresh',
        subject,
        kind,
        at: 1,
        incident: null,
        data: {},
      });
      await server.store.write(async (tx) => {
        insertEvidence(tx, evidence('verdict', 'inconclusive'));
        insertEvidence(tx, evidence('check:cpu', 'broken'));
      });
    },
  },
  'allclear-notifications-fail': {
    alerts: ['AllclearNotificationsFail'],
    make: async () => {
      const row = { id: 'o', incident: await open(), seq: 1, about: 'opened', target: 'chat', payload: {} };
      await server.store.write((tx) => putOutbox(tx, { ...row, madeAt: server.store.now() }));
      const [taken] = await claimOutbox(server.store, 'chat', 1, 1_000);
      const later = { nextAt: server.store.now() + 3_600_000, error: 'HTTP 503' };
      await server.store.write((tx) => postponeOutbox(tx, taken!, later));
      await server.clock.advance(400_000);
    },
  },
  'allclear-stale-runbooks': {
    alerts: ['AllclearRunbooksStale'],
    make: async () => {
      shelf = [...shelf, parseRunbook('---\nid: old\nreviewed: 2024-01-01\n---\n# Old\n', 'old.md')];
    },
  },
};

describe('the runbooks for Allclear itself', () => {
  it('are all held against a real trouble here', () => {
    expect(Object.keys(troubles).toSorted()).toEqual(ids.toSorted());
  });

  it('are ruled out by a server that is well, and none of their alerts holds', async () => {
    await server.app.inject({
      method: 'POST',
      url: '/api/v1/webhooks/alertmanager',
      payload: {},
      headers: as('hook'),
    });
    await scrape(4);
    expect(await Promise.all(ids.map(verdictOf))).toEqual(ids.map(() => 'ruled-out'));
    expect(await alerts()).toEqual([]);
  });

  it.each(Object.keys(troubles))(
    '%s is confirmed, and its alerts hold, when there is such a trouble',
    async (id) => {
      const { alerts: expected, make } = troubles[id]!;
      await scrape(2);
      await make();
      await scrape(2);
      expect(await verdictOf(id)).toBe('confirmed');
      expect(await alerts()).toEqual(expected);
    },
  );
});
