import { expect, it } from 'vitest';
import { onEachStore } from '../../test/stores.ts';
import { writeAlerts } from './alert-batches.ts';
import { findAlert } from './alerts.ts';
import { insertIntent } from './attempts.ts';
import { appendEvent, listEvents } from './events.ts';
import {
  findIncident,
  insertIncident,
  listIncidents,
  lockIncident,
  lockOpenByKeys,
  updateIncidentState,
} from './incidents.ts';
import { sweepExpired } from './lost-attempts.ts';
import { newIncident } from './testing.ts';

onEachStore('several programs on one store', (fresh) => {
  const several = (count: number) => Promise.all(Array.from({ length: count }, () => fresh.open()));

  it('open a new one at the same moment', async () => {
    await fresh.location();
    const stores = await several(4);
    await stores[0]!.write((tx) => insertIncident(tx, newIncident('inc-1')));
    for (const store of stores) expect(await findIncident(store.db, 'inc-1')).not.toBe(null);
  });

  it('append to one time line without a gap, and each finds its own in order', async () => {
    const stores = await several(3);
    await stores[0]!.write((tx) => insertIncident(tx, newIncident('inc-1')));
    const each = 20;
    await Promise.all(
      stores.flatMap((store, number) =>
        Array.from({ length: each }, () =>
          store.write((tx) =>
            appendEvent(tx, 'inc-1', { at: 1, actor: `w${number}`, kind: 'note', data: {} }),
          ),
        ),
      ),
    );
    const events = await listEvents(stores[0]!.db, 'inc-1');
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 3 * each }, (_, index) => index + 1));
    events.slice(1).forEach((event, index) => expect(event.prevHash).toBe(events[index]?.hash));
  });

  it('lose no update of what they have locked', async () => {
    const stores = await several(3);
    await stores[0]!.write((tx) => insertIncident(tx, newIncident('inc-1', { snapshot: { count: 0 } })));
    const increment = (store: (typeof stores)[number]) =>
      store.write(async (tx) => {
        const { snapshot } = (await lockIncident(tx, 'inc-1'))!;
        const count = (snapshot as { count: number }).count + 1;
        await updateIncidentState(tx, 'inc-1', { state: 'open', snapshot: { count }, open: true, at: count });
      });
    await Promise.all(stores.flatMap((store) => Array.from({ length: 15 }, () => increment(store))));
    expect((await findIncident(stores[0]!.db, 'inc-1'))?.snapshot).toEqual({ count: 45 });
  });

  it('make one incident of one cause, whoever is first', async () => {
    const stores = await several(4);
    const open = (store: (typeof stores)[number], id: string) =>
      store.write(async (tx) => {
        const [known] = await lockOpenByKeys(tx, ['storm']);
        if (known) return known.id;
        await insertIncident(tx, newIncident(id, { joinKey: 'storm' }));
        return id;
      });
    const ids = await Promise.all(
      stores.flatMap((store, number) => [open(store, `inc-${number}-a`), open(store, `inc-${number}-b`)]),
    );
    expect(new Set(ids).size).toBe(1);
    expect(await listIncidents(stores[0]!.db, { limit: 10 })).toHaveLength(1);
  });

  it('count every delivery of one alert', async () => {
    const stores = await several(3);
    await stores[0]!.write((tx) => insertIncident(tx, newIncident('inc-1')));
    const alert = {
      fingerprint: 'f',
      startsAt: 1,
      incident: 'inc-1',
      status: 'firing',
      labels: {},
      annotations: {},
      endsAt: null,
      generatorUrl: null,
      deliveries: 1,
    } as const;
    const deliver = (store: (typeof stores)[number]) => store.write((tx) => writeAlerts(tx, [alert], 2));
    await Promise.all(stores.flatMap((store) => [deliver(store), deliver(store), deliver(store)]));
    expect(await findAlert(stores[0]!.db, 'f', 1)).toMatchObject({ receivedCount: 9 });
  });

  it('give up a lost attempt once, and begin a step once', async () => {
    const stores = await several(3);
    await stores[0]!.write((tx) => insertIncident(tx, newIncident('inc-1')));
    const intent = { incident: 'inc-1', step: 1, block: 0, stepHash: 'h', worker: 'w', at: 1, leaseUntil: 5 };
    const begun = await Promise.allSettled(
      stores.map((store, number) => store.write((tx) => insertIntent(tx, { ...intent, id: `a${number}` }))),
    );
    expect(begun.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const swept = await Promise.all(stores.map((store) => store.write((tx) => sweepExpired(tx, 9))));
    expect(swept.flat()).toHaveLength(1);
  });
});

onEachStore('wake-ups', (fresh) => {
  it('come after own commits and those of others, and only when something changed', async () => {
    const mine = await fresh.open();
    const other = await fresh.open();
    let calls = 0;
    const stop = mine.onChange(() => {
      calls += 1;
    });
    const called = (atLeast: number) => expect.poll(() => calls, { timeout: 5_000 }).toBeGreaterThan(atLeast);
    // The listener's connection has to be there before others are heard.
    for (let round = 0; calls < 2 && round < 50; round++) {
      await other.write((tx) => insertIncident(tx, newIncident(`inc-early-${round}`)));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const heard = calls;
    await mine.write((tx) => insertIncident(tx, newIncident('inc-1')));
    expect(calls).toBeGreaterThan(heard);
    const before = calls;
    await other.write((tx) => insertIncident(tx, newIncident('inc-2')));
    await called(before);
    const quiet = calls;
    await mine.write((tx) => findIncident(tx, 'inc-1'));
    await other.write((tx) => lockIncident(tx, 'inc-1'));
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(calls).toBe(quiet);
    stop();
    await mine.write((tx) => insertIncident(tx, newIncident('inc-3')));
    expect(calls).toBe(quiet);
  });
});
