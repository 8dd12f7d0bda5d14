/** Several servers change the same incidents at once, on both stores. */
import { expect, it } from 'vitest';
import { onEachStore } from '../../../test/stores.ts';
import { findIncident, findWork, listEvents } from '../../store/index.ts';
import type { Action } from '../actions.ts';
import { readState } from '../incident.ts';
import { replayState } from '../replay.ts';
import { readTimeline } from '../timeline.ts';
import {
  act,
  approve,
  bob,
  concluded,
  ended,
  hashOf,
  nextOf,
  open,
  person,
  type TestDesk,
  take,
  testDesk,
  verified,
} from './testing.ts';

onEachStore('several servers', (fresh) => {
  async function desks(): Promise<[TestDesk, TestDesk]> {
    return [await testDesk([], await fresh.open()), await testDesk([], await fresh.open())];
  }

  async function beforeRestart(desk: TestDesk): Promise<string> {
    const id = await open(desk);
    const [work] = await take(desk);
    await concluded(desk, work!, 'confirmed');
    for (const step of [1, 2, 3]) await act(desk, id, { kind: 'skip', step, why: 'not it' });
    return id;
  }

  it('take turns on one incident, each seeing what the other did', async () => {
    const [one, two] = await desks();
    const id = await beforeRestart(one);
    await approve(two, id, 4);
    await approve(one, id, 4, bob);
    await take(two);
    expect(await nextOf(one, id)).toEqual({ state: 'remediating', work: 'step', waiting: null });
    await ended(two, id);
    const [verify] = await take(one);
    await verified(one, verify!, true);
    expect(await nextOf(two, id)).toEqual({ state: 'resolved', work: null, waiting: null });
  });

  it('let approvers race: as many count as are needed, and the step becomes work once', async () => {
    const [one, two] = await desks();
    const id = await beforeRestart(one);
    const hash = await hashOf(one, id, 4);
    const raced = await Promise.allSettled(
      ['ada', 'bob', 'carol', 'dan', 'eve', 'fay'].map((name, index) =>
        act(index % 2 === 0 ? one : two, id, { kind: 'approve', step: 4, hash }, person(name)),
      ),
    );
    expect(raced.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    const kinds = (await listEvents(one.store.db, id)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'step-approved')).toHaveLength(1);
    const taken = await Promise.all([take(one), take(two)]);
    expect(taken.flat()).toHaveLength(1);
  });

  it('leave state and time line in agreement, whatever comes at the same moment', async () => {
    const [one, two] = await desks();
    const id = await beforeRestart(one);
    const hash = await hashOf(one, id, 4);
    const actions: Action[] = [
      { kind: 'approve', step: 4, hash },
      { kind: 'escalate', why: 'too much' },
      { kind: 'skip', step: 4, why: 'no' },
      { kind: 'reopen', step: 1, why: 'yes' },
      { kind: 'verify' },
      { kind: 'diagnose' },
      { kind: 'note', text: 'hm' },
      { kind: 'close', why: 'enough' },
    ];
    await Promise.allSettled(
      [...actions, ...actions].map((action, index) =>
        act(index % 2 === 0 ? one : two, id, action, person(`p${index}`)),
      ),
    );
    const record = (await findIncident(one.store.db, id))!;
    const events = await listEvents(one.store.db, id);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(replayState(readTimeline(events))).toEqual(readState(record.snapshot, id));
    expect((await findWork(one.store.db, id)) === null || record.waiting === null).toBe(true);
  });
});
