import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { transition } from '../engine/index.ts';
import { TestClock } from '../kernel/index.ts';
import type { Alert } from '../metrics/index.ts';
import { parseRunbook } from '../runbook/index.ts';
import {
  findAlert,
  findIncident,
  listEvents,
  listIncidents,
  openStore,
  type Store,
  updateIncidentState,
} from '../store/index.ts';
import { findRunbook } from './library.ts';
import { type Intake, receive } from './receive.ts';

const storm = parseRunbook(
  '---\nseverity: critical\nalerts: [SessionStorm]\n---\n# Session storm\n',
  'books/session-storm.md',
);
const clock = new TestClock();
let store: Store;
let intake: Intake;

beforeEach(async () => {
  store = await openStore(':memory:', { clock });
  intake = { store, clock, runbooks: [storm], actor: 'alertmanager' };
});
afterEach(() => store.close());

let next = 0;
function alert(changes: Partial<Alert> = {}, labels: Record<string, string> = {}): Alert {
  return {
    status: 'firing',
    labels: { alertname: 'SessionStorm', cluster: 'eu', ...labels },
    annotations: {},
    startsAt: 1_000,
    endsAt: null,
    fingerprint: `fp-${next++}`,
    ...changes,
  };
}

describe('alerts that come in', () => {
  it('become one incident, however many instances of the system they name', async () => {
    const many = Array.from({ length: 450 }, (_, index) => alert({}, { instance: `host-${index}` }));
    const received = await receive(many, intake);
    expect(received.map((one) => one.outcome).filter((outcome) => outcome === 'opened')).toHaveLength(1);
    const incidents = await listIncidents(store.db, { limit: 10 });
    expect(incidents).toMatchObject([
      { runbook: 'session-storm', title: 'Session storm', severity: 'critical', alertCount: 450 },
    ]);
    expect((await listEvents(store.db, incidents[0]!.id)).length).toBeLessThanOrEqual(102);
  });

  it('are separate incidents where another system is affected', async () => {
    const received = await receive([alert(), alert({}, { cluster: 'us' })], intake);
    expect(new Set(received.map((one) => one.incident)).size).toBe(2);
  });

  it('are one alert when the same occurrence is delivered again, as by an HA pair', async () => {
    const one = alert();
    await receive([one, one], intake);
    const [again] = await receive([one], intake);
    expect(again?.outcome).toBe('repeated');
    expect(await findAlert(store.db, one.fingerprint, one.startsAt)).toMatchObject({ receivedCount: 3 });
    expect(await listIncidents(store.db, { limit: 10 })).toMatchObject([{ alertCount: 1 }]);
  });

  it('are evidence when resolved, and close nothing', async () => {
    const one = alert();
    await receive([one], intake);
    const [resolved] = await receive([{ ...one, status: 'resolved', endsAt: 2_000 }], intake);
    expect(resolved?.outcome).toBe('resolved');
    expect(await findIncident(store.db, resolved!.incident!)).toMatchObject({ state: 'open', open: true });
    const kinds = (await listEvents(store.db, resolved!.incident!)).map((event) => event.data);
    expect(kinds.at(-1)).toMatchObject({ status: 'resolved' });
    const [late] = await receive([one], intake);
    expect(late?.outcome).toBe('repeated');
    expect(await findAlert(store.db, one.fingerprint, one.startsAt)).toMatchObject({
      status: 'resolved',
      endsAt: 2_000,
    });
  });

  it('open nothing when all that is known of them is that they are over', async () => {
    expect(await receive([alert({ status: 'resolved' })], intake)).toMatchObject([
      { incident: null, outcome: 'ignored' },
    ]);
  });

  it('open a new incident once the last one is over', async () => {
    const [first] = await receive([alert()], intake);
    const closed = transition({ state: 'open' }, { kind: 'closed', why: 'false alarm' });
    await store.write((tx) =>
      updateIncidentState(tx, first!.incident!, {
        state: 'closed',
        snapshot: closed,
        open: false,
        at: clock.now(),
      }),
    );
    const [second] = await receive([alert({ startsAt: 9_000 })], intake);
    expect(second).toMatchObject({ outcome: 'opened' });
    expect(second?.incident).not.toBe(first?.incident);
  });

  it('open an incident that says so when no runbook is linked', async () => {
    const [received] = await receive([alert({}, { alertname: 'Mystery\u001b[31m' })], intake);
    expect(received).toMatchObject({ outcome: 'opened', runbook: null });
    expect(await findIncident(store.db, received!.incident!)).toMatchObject({
      runbook: '',
      runbookHash: null,
      title: 'Mystery (no runbook)',
    });
  });
});

describe('the runbook of an alert', () => {
  it.each([
    ['https://git.example/runbooks/session-storm.md'],
    ['https://git.example/runbooks/Session-Storm/?x=1#fix'],
    ['runbooks/session-storm.md'],
    ['session-storm'],
  ])('is found by its link %s', (runbook_url) => {
    expect(findRunbook(alert({ annotations: { runbook_url } }, { alertname: 'Other' }), [storm])).toBe(storm);
    expect(
      findRunbook(alert({ annotations: { runbook: runbook_url } }, { alertname: 'Other' }), [storm]),
    ).toBe(storm);
  });

  it('is found by the alert names it lists when the link leads nowhere', () => {
    expect(findRunbook(alert({ annotations: { runbook_url: '///' } }), [storm])).toBe(storm);
    expect(findRunbook(alert({}, { alertname: 'Other' }), [storm])).toBe(null);
  });
});
