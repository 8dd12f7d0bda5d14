import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Change, openIncident, readTimeline } from '../engine/index.ts';
import { systemClock, TestClock } from '../kernel/index.ts';
import { listEvents, openStore, outboxFigures, type Store } from '../store/index.ts';
import { announce } from './announce.ts';
import type { Target } from './config.ts';
import type { Notice } from './notice.ts';
import { type NotifierOptions, startNotifier } from './notifier.ts';
import { type Receiver, startReceiver, targetsOf } from './testing.ts';

const PUBLIC = 'https://allclear.example/';

let folder = '';
/** Stands still for the store, so that a test decides when a retry is due; loops wait in real time. */
let time: TestClock;
let store: Store;
let receiver: Receiver;
const cleanups: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'allclear-notify-'));
  time = new TestClock();
  store = await openStore(join(folder, 'allclear.db'), { clock: time });
  receiver = await startReceiver();
});
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
  await receiver.close();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const target = (extra: object = {}) => ({ name: 'ops', url: receiver.url, timeout: 1, ...extra });

function tell(targets: readonly Target[], extra: Partial<NotifierOptions> = {}) {
  const notifier = startNotifier({ store, targets, publicUrl: PUBLIC, random: () => 0, ...extra });
  cleanups.push(() => notifier.stop());
  return notifier;
}

async function open(): Promise<string> {
  return store.write(async (tx) => {
    const opening = {
      runbook: 'session-storm',
      version: null,
      title: 'MCP session storm',
      severity: 'critical',
      labels: { cluster: 'eu', password: 'hunter2hunter2' },
      joinKey: null,
    };
    const incident = await openIncident(tx, opening, 'test', time);
    await announce(
      tx,
      change(incident, [{ kind: 'opened', seq: 1, data: { runbook: '', file: null, title: '' } }]),
    );
    return incident;
  });
}

const change = (incident: string, events: Change['events'], waiting: Change['waiting'] = null): Change => ({
  incident,
  at: time.now(),
  events,
  waiting,
});
const verdict = (seq: number, kind: 'confirmed' | 'ruled-out') =>
  ({ kind: 'verdict-reached', seq, data: { verdict: kind, why: 'It is so.', readings: [] } }) as const;
const announceIn = (incident: string, ...events: Change['events'][number][]) =>
  store.write((tx) => announce(tx, change(incident, events)));
const told = () => receiver.got.map(({ body }) => JSON.parse(body) as Notice);
const timeline = async (incident: string) => readTimeline(await listEvents(store.db, incident));
const figures = async () => (await outboxFigures(store.db)).find((one) => one.target === 'ops');

describe('a notifier', () => {
  it('tells what happened with the facts, an id and a link, and writes that on the time line', async () => {
    tell(await targetsOf([target()]));
    const incident = await open();
    await vi.waitFor(() => expect(receiver.got).toHaveLength(1));
    const [notice] = told();
    expect(notice).toMatchObject({
      version: '1',
      about: 'opened',
      text: 'MCP session storm: an incident is open',
      incident: {
        id: incident,
        severity: 'critical',
        runbook: 'session-storm',
        url: `https://allclear.example/incidents/${incident}`,
        labels: { cluster: 'eu', password: '[redacted]' },
      },
      verdict: null,
    });
    expect(receiver.got[0]!.headers['idempotency-key']).toBe(notice!.id);
    await vi.waitFor(async () =>
      expect((await timeline(incident)).at(-1)).toMatchObject({
        kind: 'notified',
        actor: 'allclear',
        data: { target: 'ops', about: 'opened', attempts: 1 },
      }),
    );
  });

  it('signs what it says, as Standard Webhooks does', async () => {
    tell(await targetsOf([target({ 'secret-env': 'SIGN' })], { SIGN: `whsec_${btoa('a key of bytes')}` }));
    await open();
    await vi.waitFor(() => expect(receiver.got).toHaveLength(1));
    const { headers, body } = receiver.got[0]!;
    const signed = `${headers['webhook-id'] as string}.${headers['webhook-timestamp'] as string}.${body}`;
    const mac = createHmac('sha256', 'a key of bytes').update(signed).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${mac}`);
  });

  it('tells a verdict again only when it is another', async () => {
    tell(await targetsOf([target({ on: ['verdict'] })]));
    const incident = await open();
    await announceIn(incident, verdict(2, 'confirmed'));
    await announceIn(incident, verdict(3, 'confirmed'));
    await announceIn(incident, verdict(4, 'ruled-out'));
    await vi.waitFor(() => expect(receiver.got).toHaveLength(2));
    expect(told().map((notice) => notice.verdict?.verdict)).toEqual(['confirmed', 'ruled-out']);
  });

  it('asks once for the approval of each run of a step', async () => {
    tell(await targetsOf([target({ on: ['approval-wanted'] })]));
    const incident = await open();
    const step = { step: 2, title: 'Scale out', risk: 'disruptive', need: 2 } as const;
    const wanted = { kind: 'approval', ...step, run: 1, have: [] as string[] } as const;
    const skipped = { kind: 'step-skipped', seq: 5, data: { step: 1, title: 'Pace', why: '' } } as const;
    const say = (seq: number, waiting: NonNullable<Change['waiting']>) =>
      store.write((tx) => announce(tx, change(incident, [{ ...skipped, seq }], waiting)));
    await say(5, wanted);
    await say(6, { ...wanted, have: ['ann'] });
    await say(7, { ...wanted, run: 2 });
    await vi.waitFor(() => expect(receiver.got).toHaveLength(2));
    expect(told()[0]).toMatchObject({
      text: 'MCP session storm: step 2 (Scale out, disruptive) waits for 2 approvals',
      approval: { step: 2, have: 0, need: 2 },
    });
  });

  it('says once that somebody must decide, however much is written down while nobody does', async () => {
    tell(await targetsOf([target({ on: ['decision-wanted'] })]));
    const incident = await open();
    const step = { step: 1, title: 'Pace', block: 0, attempt: 1 };
    const failed: Change['waiting'] = { kind: 'decision', ...step, about: 'failed' };
    const proposal: Change['waiting'] = { kind: 'proposal', why: 'The queue is long.', next: null };
    const note = (seq: number) => ({ kind: 'note', seq, data: { text: 'hm' } }) as const;
    const notVerified = (seq: number) =>
      ({ kind: 'not-verified', seq, data: { why: 'The queue is long.', readings: [], rounds: 1 } }) as const;
    const say = (event: Change['events'][number], waiting: Change['waiting']) =>
      store.write((tx) => announce(tx, change(incident, [event], waiting)));
    await say(note(2), failed);
    await say(note(3), failed);
    await say(notVerified(4), proposal);
    await say(note(5), proposal);
    await say(notVerified(6), proposal);
    await say(note(7), { ...failed, about: 'unknown' });
    await vi.waitFor(() => expect(receiver.got).toHaveLength(4));
    expect(told().map(({ decision }) => decision!.what)).toEqual([
      'step 1 (Pace) failed',
      'Verify failed. The queue is long.',
      'Verify failed. The queue is long.',
      'step 1 (Pace) was interrupted: whether it took effect is unknown',
    ]);
  });

  it('tries again after a failure, not sooner than it is asked to, with the same id', async () => {
    receiver.answers.push({ status: 503 }, { status: 429, headers: { 'retry-after': '120' } });
    tell(await targetsOf([target()]));
    await open();
    await vi.waitFor(async () => expect(await figures()).toMatchObject({ failing: 1 }));
    await time.advance(1_000);
    await vi.waitFor(() => expect(receiver.got).toHaveLength(2), 5_000);
    await time.advance(119_000);
    await systemClock.sleep(1_300);
    expect(receiver.got).toHaveLength(2);
    await time.advance(1_000);
    await vi.waitFor(async () => expect(await figures()).toMatchObject({ delivered: 1 }), 5_000);
    expect(new Set(told().map(({ id }) => id)).size).toBe(1);
  });

  it('keeps the order of an incident while a target fails, and lets other incidents pass', async () => {
    receiver.answers.push({ status: 500 });
    tell(await targetsOf([target()]));
    const first = await open();
    await vi.waitFor(async () => expect(await figures()).toMatchObject({ failing: 1 }));
    await announceIn(first, verdict(2, 'confirmed'));
    const second = await open();
    await vi.waitFor(() => expect(receiver.got).toHaveLength(2));
    await time.advance(60_000);
    await vi.waitFor(() => expect(receiver.got).toHaveLength(4), 5_000);
    expect(told().map(({ incident, about }) => [incident.id, about])).toEqual([
      [first, 'opened'],
      [second, 'opened'],
      [first, 'opened'],
      [first, 'verdict'],
    ]);
  });

  it('follows no redirection, gives a refusing target up, and says so on the time line without its secrets', async () => {
    const refused = { status: 302, headers: { location: `${receiver.url}/elsewhere` }, text: receiver.url };
    receiver.answers.push(...Array.from({ length: 20 }, () => refused));
    tell(await targetsOf([target()]));
    const incident = await open();
    for (let attempt = 1; attempt <= 10; attempt++) {
      await vi.waitFor(() => expect(receiver.got).toHaveLength(attempt), 5_000);
      await time.advance(3_600_000);
    }
    await vi.waitFor(async () => expect(await figures()).toMatchObject({ givenUp: 1, waiting: 0 }), 5_000);
    expect(receiver.got.every(({ path }) => path === '/hooks/T0-secret-path')).toBe(true);
    const last = (await timeline(incident)).at(-1);
    expect(last).toMatchObject({ kind: 'not-notified', data: { target: 'ops', about: 'opened' } });
    expect(JSON.stringify(last)).toContain('HTTP 302, a redirection, which is not followed');
    expect(JSON.stringify(last)).not.toContain('T0-secret-path');
  }, 20_000);

  it('does not wait for a target that hangs longer than its time-out, nor let it hold up another', async () => {
    const other = await startReceiver();
    cleanups.push(() => other.close());
    receiver.answers.push('hang');
    const troubles: string[] = [];
    tell(await targetsOf([target(), target({ name: 'other', url: other.url })]), {
      onTrouble: ({ error }) => troubles.push(error),
    });
    await open();
    await vi.waitFor(() => expect(other.got).toHaveLength(1));
    await vi.waitFor(() => expect(troubles).toEqual(['no answer within 1 s']), 5_000);
    await time.advance(60_000);
    await vi.waitFor(() => expect(receiver.got).toHaveLength(2), 5_000);
  });

  it('tells only what a target wants: matters, severities, runbooks', async () => {
    tell(
      await targetsOf([
        target({ on: ['resolved'] }),
        target({ name: 'warnings', severity: ['warning'] }),
        target({ name: 'others', runbooks: ['other'] }),
      ]),
    );
    const incident = await open();
    await announceIn(incident, {
      kind: 'verified',
      seq: 2,
      data: { why: 'All normal.', readings: [], rounds: 1 },
    });
    await announceIn(incident, { kind: 'closed', seq: 3, data: { why: 'written up' } });
    await vi.waitFor(() => expect(receiver.got).toHaveLength(1));
    await vi.waitFor(async () => {
      const news = (await outboxFigures(store.db)).find((one) => one.target === '');
      expect(news).toMatchObject({ waiting: 0, delivered: 2 });
    });
    expect(told()).toMatchObject([{ about: 'resolved', resolved: { verified: true, why: 'All normal.' } }]);
    expect(receiver.got).toHaveLength(1);
  });

  it('takes up after a crash what was announced before it', async () => {
    await open();
    expect(receiver.got).toHaveLength(0);
    tell(await targetsOf([target()]));
    await vi.waitFor(() => expect(receiver.got).toHaveLength(1));
  });
});
