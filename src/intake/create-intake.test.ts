import { array, assert, asyncProperty, constantFrom, integer, record } from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Desk, type PlanNext, planNext, transition } from '../engine/index.ts';
import { AllclearError, TestClock } from '../kernel/index.ts';
import { parseRunbook } from '../runbook/index.ts';
import {
  findAlert,
  findIncident,
  findWork,
  listEvents,
  listEvidence,
  listIncidents,
  openStore,
  type Store,
  updateIncidentState,
} from '../store/index.ts';
import { createIntake, type IntakeOptions } from './create-intake.ts';
import type { IncomingAlert } from './incoming-alert.ts';
import { receive } from './receive.ts';

const MINUTE = 60_000;
const storm = parseRunbook('---\nalerts: [Storm]\n---\n# Session storm\n', 'session-storm.md');
const books = [storm];
const clock = new TestClock();
let store: Store;
beforeEach(async () => {
  store = await openStore(':memory:', { clock });
});
afterEach(() => store.close());

function intakeWith(more: Partial<IntakeOptions> = {}) {
  return createIntake({ store, clock, runbooks: () => books, actor: 'alertmanager', ...more });
}

let next = 0;
function alert(labels: Record<string, string> = {}, more: Partial<IncomingAlert> = {}): IncomingAlert {
  return {
    status: 'firing',
    labels: { alertname: 'Storm', cluster: 'eu', ...labels },
    annotations: {},
    startsAt: 1_000,
    endsAt: null,
    fingerprint: `fp-${next++}`,
    ...more,
  };
}

async function end(incident: string, move: 'verified' | 'closed'): Promise<void> {
  const state =
    move === 'closed'
      ? transition({ state: 'open' }, { kind: 'closed', why: 'false alarm' })
      : transition({ state: 'verifying', round: 1 }, { kind: 'verified', why: 'all is normal' });
  const change = { state: state.state, snapshot: state, open: false, at: clock.now() };
  await store.write((tx) => updateIncidentState(tx, incident, change));
}

async function kinds(incident: string): Promise<string[]> {
  return (await listEvents(store.db, incident)).map(({ kind }) => kind);
}

describe('deliveries that come together', () => {
  it('are kept in few transactions, and each is told what became of its own', async () => {
    let writes = 0;
    const counted: Store = { ...store, write: (work) => (writes++, store.write(work)) };
    const intake = intakeWith({ store: counted });
    const alerts = Array.from({ length: 300 }, (_, index) => alert({ instance: `host-${index}` }));
    const answers = await Promise.all(alerts.map((one) => intake.accept([one])));
    expect(answers.map(([received]) => received?.fingerprint)).toEqual(alerts.map((one) => one.fingerprint));
    expect(new Set(answers.map(([received]) => received?.incident)).size).toBe(1);
    expect(writes).toBeLessThan(4);
    expect(await listIncidents(store.db, { limit: 9 })).toMatchObject([{ alertCount: 300 }]);
  });

  it('and hold no alert at all keep nothing from coming in afterwards', async () => {
    const intake = intakeWith();
    expect(await intake.accept([])).toEqual([]);
    expect(await intake.accept([alert()])).toMatchObject([{ outcome: 'opened' }]);
  });

  it('of 10,000 alerts of one storm are one incident with a count, and a time line that can be read', async () => {
    const alerts = Array.from({ length: 10_000 }, (_, index) => alert({ instance: `host-${index}` }));
    const received = await intakeWith().accept(alerts);
    expect(received).toHaveLength(10_000);
    const [incident, ...others] = await listIncidents(store.db, { limit: 9 });
    expect({ others, count: incident?.alertCount }).toEqual({ others: [], count: 10_000 });
    expect((await kinds(incident!.id)).length).toBeLessThanOrEqual(102);
  });

  it('mean the same as when they come one after the other', async () => {
    const deliveries = array(
      record({
        name: constantFrom('Storm', 'Mystery'),
        cluster: constantFrom('eu', 'us'),
        instance: integer({ min: 0, max: 2 }),
        startsAt: constantFrom(1_000, 2_000),
        status: constantFrom<IncomingAlert['status']>('firing', 'firing', 'resolved'),
      }),
      { maxLength: 25 },
    );
    await assert(
      asyncProperty(deliveries, async (given) => {
        const alerts = given.map(({ name, cluster, instance, startsAt, status }) =>
          alert(
            { alertname: name, cluster, instance: String(instance) },
            {
              startsAt,
              status,
              fingerprint: `${name}-${cluster}-${instance}`,
              endsAt: status === 'firing' ? null : 3_000,
            },
          ),
        );
        const together = await outcomeOf((on) => receive(alerts, { ...on, runbooks: books, actor: 'a' }));
        const oneByOne = await outcomeOf(async (on) => {
          const all = [];
          for (const one of alerts)
            all.push(...(await receive([one], { ...on, runbooks: books, actor: 'a' })));
          return all;
        });
        expect(together).toEqual(oneByOne);
      }),
      { numRuns: 30 },
    );
  });
});

/** What came of it, without the random parts of ids. */
async function outcomeOf(take: (on: { store: Store; clock: TestClock }) => ReturnType<typeof receive>) {
  const own = await openStore(':memory:', { clock });
  try {
    const received = await take({ store: own, clock });
    const alerts = await own.db
      .selectFrom('alerts')
      .selectAll()
      .orderBy('fingerprint')
      .orderBy('starts_at')
      .execute();
    const incidents = await own.db
      .selectFrom('incidents')
      .select(['id', 'join_key', 'alert_count', 'seq'])
      .execute();
    const name = new Map(incidents.map(({ id, join_key }) => [id, join_key]));
    return {
      received: received.map((one) => ({ ...one, incident: one.incident && name.get(one.incident) })),
      alerts: alerts.map((row) => ({ ...row, incident: name.get(row.incident) })),
      incidents: incidents
        .map(({ join_key, alert_count, seq }) => ({ join_key, alert_count, seq }))
        .toSorted((a, b) => (a.join_key! < b.join_key! ? -1 : 1)),
    };
  } finally {
    await own.close();
  }
}

describe('what cannot be kept', () => {
  it('is refused while the store is down, and nothing is acknowledged; it can be sent again', async () => {
    const down = new AllclearError('E_STORE_UNUSABLE', { what: 'the disk is full' });
    let broken = true;
    const flaky: Store = { ...store, write: (work) => (broken ? Promise.reject(down) : store.write(work)) };
    const intake = intakeWith({ store: flaky });
    const one = alert();
    await expect(intake.accept([one])).rejects.toMatchObject({ code: 'E_OVERLOADED', httpStatus: 503 });
    broken = false;
    expect(await intake.accept([one])).toMatchObject([{ outcome: 'opened' }]);
  });

  it('is refused beyond what can wait, and what waits is still kept', async () => {
    const gate = Promise.withResolvers<void>();
    const slow: Store = { ...store, write: async (work) => (await gate.promise, store.write(work)) };
    const intake = intakeWith({ store: slow });
    const large = Array.from({ length: 50_000 }, () => alert());
    const taken = intake.accept(large);
    await expect(intake.accept([alert()])).rejects.toMatchObject({ code: 'E_OVERLOADED' });
    expect(intake.waiting).toBe(50_000);
    gate.resolve();
    expect(await taken).toHaveLength(50_000);
    expect(intake.waiting).toBe(0);
    expect(await intake.accept([alert()])).toHaveLength(1);
  });

  it('is refused once the server stops, after what waits is written', async () => {
    const intake = intakeWith();
    const taken = intake.accept([alert()]);
    await intake.stop();
    expect(await taken).toHaveLength(1);
    await expect(intake.accept([alert()])).rejects.toMatchObject({ code: 'E_OVERLOADED' });
  });

  it('does not take other deliveries with it', async () => {
    const plan: PlanNext = async (_, done) => {
      const events = done.flatMap((one) => one.events);
      if (events.some(({ kind, data }) => kind === 'alert' && 'status' in data && data.status === 'resolved'))
        throw new Error('a bug');
    };
    const intake = intakeWith({ plan });
    const poison = alert({ cluster: 'us' });
    await intake.accept([poison]);
    const [bad, good] = await Promise.allSettled([
      intake.accept([{ ...poison, status: 'resolved', endsAt: 2_000 }]),
      intake.accept([alert()]),
    ]);
    expect([bad.status, good.status]).toEqual(['rejected', 'fulfilled']);
  });
});

describe('an incident and its alerts', () => {
  it('is planned for when it opens, and when none of its alerts fires any more', async () => {
    const planned: string[][] = [];
    const plan: PlanNext = async (_, done) => {
      for (const { events } of done) planned.push(events.map(({ kind }) => kind));
    };
    const intake = intakeWith({ plan });
    const [one, two] = [alert(), alert()];
    await intake.accept([one, two]);
    expect(planned).toEqual([['opened', 'alert', 'alert']]);
    const over = { status: 'resolved', endsAt: 2_000 } as const;
    await intake.accept([alert(), { ...one, ...over }]);
    await intake.accept([alert({ cluster: 'us' })]);
    expect(planned.slice(1)).toEqual([['opened', 'alert']]);
    const third = await store.db.selectFrom('alerts').selectAll().where('status', '=', 'firing').execute();
    await intake.accept(third.map((row) => ({ ...two, ...over, fingerprint: row.fingerprint })));
    expect(planned.slice(2)).toEqual([['alert', 'alert'], ['alert']]);
  });

  it('is diagnosed by itself; without a runbook it waits for one; and without firing alerts it is verified', async () => {
    const library = parseRunbook(
      '---\nalerts: [Storm]\n---\n# Storm\n\n## Verify\n\n```bash {"normal":"exit == 0"}\ntrue\n```\n',
      'storm.md',
    );
    const list = () => [library];
    const desk: Desk = { store, clock, library: { list }, policies: [], params: {}, secrets: [] };
    const intake = intakeWith({ runbooks: list, plan: planNext(desk) });
    const one = alert();
    const [known, gap] = await intake.accept([one, alert({ alertname: 'Mystery' })]);
    expect(await findWork(store.db, known!.incident!)).toMatchObject({ kind: 'diagnose', state: 'ready' });
    expect(await findIncident(store.db, gap!.incident!)).toMatchObject({ waiting: { kind: 'runbook' } });
  });

  it('has its site from the label, and alerts of another site are another incident', async () => {
    const [here, there] = await intakeWith().accept([alert({ site: 'fra' }), alert({ site: 'nyc' })]);
    expect(await findIncident(store.db, here!.incident!)).toMatchObject({ site: 'fra' });
    expect(await findIncident(store.db, there!.incident!)).toMatchObject({ site: 'nyc' });
    const dc = alert({ dc: 'ber' });
    const [named] = await intakeWith({ siteLabel: 'dc' }).accept([dc]);
    expect(await findIncident(store.db, named!.incident!)).toMatchObject({ site: 'ber' });
  });

  it('says when Alertmanager has left alerts out, and again only when there are more than ever', async () => {
    const intake = intakeWith();
    const one = alert();
    const [received] = await intake.accept([one], { truncated: 40 });
    await intake.accept([one], { truncated: 40 });
    await intake.accept([one], { truncated: 12 });
    await intake.accept([one], { truncated: 70 });
    const events = await listEvents(store.db, received!.incident!);
    const said = events.filter(({ kind }) => kind === 'alerts-truncated').map(({ data }) => data);
    expect(said).toEqual([{ count: 40 }, { count: 70 }]);
  });

  it('does not begin anew with every repetition of an alert that outlives it; once, that is evidence against verify', async () => {
    const intake = intakeWith();
    const one = alert();
    const [first] = await intake.accept([one]);
    await end(first!.incident!, 'verified');
    await clock.advance(5 * MINUTE);
    expect(await intake.accept([one])).toMatchObject([{ outcome: 'repeated', incident: first!.incident }]);
    expect(await kinds(first!.incident!)).not.toContain('still-firing');
    await clock.advance(20 * MINUTE);
    await intake.accept([one]);
    await intake.accept([one]);
    expect((await kinds(first!.incident!)).filter((kind) => kind === 'still-firing')).toHaveLength(1);
    expect(await listEvidence(store.db, 'session-storm')).toMatchObject([
      { subject: 'verify', kind: 'still-firing', incident: first!.incident },
    ]);
    expect(await listIncidents(store.db, { limit: 9 })).toHaveLength(1);
  });

  it('that somebody has closed says nothing of alerts that go on', async () => {
    const intake = intakeWith();
    const one = alert();
    const [first] = await intake.accept([one]);
    await end(first!.incident!, 'closed');
    await clock.advance(60 * MINUTE);
    expect(await intake.accept([one])).toMatchObject([{ outcome: 'repeated', incident: first!.incident }]);
    expect(await kinds(first!.incident!)).not.toContain('still-firing');
  });

  it('is another one when the alert begins again after it', async () => {
    const intake = intakeWith();
    const one = alert();
    const [first] = await intake.accept([one]);
    await end(first!.incident!, 'verified');
    const [second] = await intake.accept([{ ...one, startsAt: 9_000 }]);
    expect(second).toMatchObject({ outcome: 'opened' });
    expect(second?.incident).not.toBe(first?.incident);
  });
});

describe('an alert that was resolved', () => {
  it('and fires with the same start is late news at first, and later fires again', async () => {
    const intake = intakeWith();
    const one = alert();
    const [first] = await intake.accept([one]);
    await intake.accept([{ ...one, status: 'resolved', endsAt: 2_000 }]);
    await clock.advance(30_000);
    expect(await intake.accept([one])).toMatchObject([{ outcome: 'repeated' }]);
    expect(await findAlert(store.db, one.fingerprint, 1_000)).toMatchObject({ status: 'resolved' });
    await clock.advance(5 * MINUTE);
    expect(await intake.accept([one])).toMatchObject([{ outcome: 'joined', incident: first?.incident }]);
    expect(await findAlert(store.db, one.fingerprint, 1_000)).toMatchObject({
      status: 'firing',
      endsAt: null,
    });
  });

  it('and fires with the same start after its incident is over opens another one', async () => {
    const intake = intakeWith();
    const one = alert();
    const [first] = await intake.accept([one]);
    await intake.accept([{ ...one, status: 'resolved', endsAt: 2_000 }]);
    await end(first!.incident!, 'verified');
    await clock.advance(30 * MINUTE);
    const [again] = await intake.accept([one]);
    expect(again).toMatchObject({ outcome: 'opened' });
    expect(await findIncident(store.db, again!.incident!)).toMatchObject({ alertCount: 1, open: true });
  });

  it('takes earlier occurrences with it whose end was never delivered', async () => {
    const intake = intakeWith();
    const one = alert();
    await intake.accept([one]);
    await intake.accept([{ ...one, startsAt: 5_000 }]);
    await intake.accept([{ ...one, startsAt: 5_000, status: 'resolved', endsAt: 6_000 }]);
    expect(await findAlert(store.db, one.fingerprint, 1_000)).toMatchObject({
      status: 'resolved',
      endsAt: 6_000,
    });
  });
});
