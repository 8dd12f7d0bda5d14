import { execFileSync, spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openIncident } from '../../engine/index.ts';
import { parseExposition } from '../../metrics/index.ts';
import { parseRunbook } from '../../runbook/index.ts';
import { insertEvidence, setNext } from '../../store/index.ts';
import type { ShelvedRunbook } from '../shelf.ts';
import { as, startTestServer, type TestServer } from '../testing.ts';

const shelved = (id: string, front: string): ShelvedRunbook => ({
  runbook: parseRunbook(`---\nid: ${id}\n${front}\n---\n# ${id}\n`, `${id}.md`),
  family: '.',
  hash: '',
  readAt: 0,
  problem: null,
});
const books = [
  shelved('fresh', 'reviewed: 2025-12-31'),
  shelved('never', 'severity: info'),
  shelved('old', 'reviewed: 2025-01-01'),
];

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer({ shelf: { all: () => books, find: () => null, problems: () => [] } });
});
afterEach(() => server.close());

async function scrape(): Promise<{ text: string; value: (series: string) => number }> {
  const { body: text } = await server.app.inject({ url: '/metrics' });
  const value = (series: string) => {
    const line = text.split('\n').find((one) => one.startsWith(`${series} `));
    return line === undefined ? Number.NaN : Number(line.slice(series.length + 1));
  };
  return { text, value };
}

async function open(): Promise<string> {
  const opening = { runbook: 'old', version: null, title: 'A', severity: null, labels: {}, joinKey: null };
  return server.store.write((tx) => openIncident(tx, opening, 'test', server.clock));
}

describe("the service's metrics", () => {
  it('say what waits, for how long, and for whom', async () => {
    const [a, b] = [await open(), await open()];
    const at = server.store.now();
    const none = { step: null, block: null, stepHash: null, expiresAt: null };
    const work = { kind: 'diagnose', site: 'eu', ...none } as const;
    const waiting = { kind: 'approval', step: 1 };
    await server.store.write(async (tx) => {
      await setNext(tx, a, { work, waiting: null, at });
      await setNext(tx, b, { work: null, waiting, at });
    });
    await server.clock.advance(30_000);
    const { value } = await scrape();
    expect(value('allclear_incidents{state="open"}')).toBe(2);
    expect(value('allclear_approvals_waiting')).toBe(1);
    expect(value('allclear_incidents_waiting{for="approval"}')).toBe(1);
    expect(value('allclear_incidents_waiting_oldest_seconds{for="approval"}')).toBe(30);
    expect(value('allclear_work_waiting{site="eu"}')).toBe(1);
    expect(value('allclear_work_oldest_age_seconds{site="eu"}')).toBe(30);
    expect(value('allclear_work_waiting{site=""}')).toBe(0);
    expect(value('allclear_steps_unknown')).toBe(0);
    expect(value('allclear_store_up')).toBe(1);
  });

  it('say which runbooks are old, and which checks are broken since the last diagnosis', async () => {
    const evidence = (at: number, subject: string, kind: string) =>
      server.store.write(async (tx) =>
        insertEvidence(tx, {
          id: `${at}${subject}`,
          runbook: 'old',
          subject,
          kind,
          at,
          incident: null,
          data: {},
        }),
      );
    await evidence(1, 'verdict', 'confirmed');
    await evidence(1, 'check:mended', 'broken');
    await evidence(2, 'verdict', 'confirmed');
    await evidence(2, 'check:gone', 'broken');
    const { value } = await scrape();
    expect(value('allclear_checks_broken{runbook="old"}')).toBe(1);
    expect(value('allclear_checks_broken{runbook="fresh"}')).toBe(0);
    expect(value('allclear_runbook_review_age_seconds{runbook="fresh"}')).toBe(86_400);
    expect(value('allclear_runbook_review_age_seconds{runbook="never"}')).toBeNaN();
    expect(
      ['fresh', 'never', 'old'].map((id) => value(`allclear_runbook_review_overdue{runbook="${id}"}`)),
    ).toEqual([0, 1, 1]);
  });

  it('are read from the store once a second, whoever asks', async () => {
    await scrape();
    await open();
    expect((await scrape()).value('allclear_incidents{state="open"}')).toBe(0);
    await server.clock.advance(1_100);
    expect((await scrape()).value('allclear_incidents{state="open"}')).toBe(1);
  });

  it('count requests by route, and never by what callers write', async () => {
    await server.app.inject({ url: '/api/v1/incidents/inc-hush', headers: as('viewer') });
    await server.app.inject({ url: '/hush' });
    const { text, value } = await scrape();
    expect(
      value(
        'allclear_http_request_duration_seconds_count{method="GET",route="/api/v1/incidents/:id",status="4xx"}',
      ),
    ).toBe(1);
    expect(text).not.toContain('hush');
  });

  it('still come when the store is gone, and say so', async () => {
    await server.store.close();
    const { value, text } = await scrape();
    expect(value('allclear_store_up')).toBe(0);
    expect(text).toMatch(/allclear_store_errors_total\{code="E_\w+"\} 1/);
  });

  it('are text that Prometheus takes', async () => {
    const { text } = await scrape();
    expect(parseExposition(text).samples.length).toBeGreaterThan(20);
    if (spawnSync('promtool', ['--version']).status !== 0) return;
    expect(execFileSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })).toBe('');
  });
});
