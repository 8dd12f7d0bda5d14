/** The turns that the life of an incident takes in the service. */
import { afterEach, describe, expect, it } from 'vitest';
import { findIncident, findWork, listEvents } from '../../store/index.ts';
import type { Reading } from '../model.ts';
import {
  act,
  ada,
  alert,
  approve,
  concluded,
  diagnosed,
  ended,
  nextOf,
  open,
  person,
  reading,
  type TestDesk,
  take,
  testDesk,
  verified,
} from './testing.ts';

let desk: TestDesk;
afterEach(() => desk.store.close());

const notNow = { code: 'E_TRANSITION' };

/** All steps left out, and a verification about to end. */
async function verifying(verdict: 'confirmed' | 'inconclusive' = 'confirmed'): Promise<string> {
  const id = await diagnosed(desk, verdict);
  for (const step of [1, 2, 3, 4]) await act(desk, id, { kind: 'skip', step, why: 'not it' });
  expect(await take(desk)).toMatchObject([{ kind: 'verify' }]);
  return id;
}

async function kinds(incident: string): Promise<string[]> {
  return (await listEvents(desk.store.db, incident)).map(({ kind }) => kind);
}

describe('a failed verify', () => {
  it('leads back to remediating, with a proposal of the step to try next', async () => {
    desk = await testDesk();
    const id = await verifying();
    await verified(desk, { incident: id }, false);
    expect(await nextOf(desk, id)).toMatchObject({
      state: 'remediating',
      work: null,
      waiting: { kind: 'proposal', why: 'Not verified.', next: { step: 1, by: null } },
    });
    await act(desk, id, { kind: 'propose', step: 4, why: 'it leaks' }, person('bot', 'responder', 'agent'));
    expect((await nextOf(desk, id)).waiting).toMatchObject({
      next: { step: 4, title: 'Restart', by: 'bot' },
    });
    await act(desk, id, { kind: 'reopen', step: 4, why: 'as proposed' });
    expect((await nextOf(desk, id)).waiting).toMatchObject({ kind: 'approval', step: 4, run: 2 });
  });

  it('escalates by itself after as many rounds as the policy allows', async () => {
    desk = await testDesk([{ 'max-rounds': 2 }]);
    const id = await verifying();
    await verified(desk, { incident: id }, false);
    expect((await nextOf(desk, id)).state).toBe('remediating');
    await act(desk, id, { kind: 'verify' });
    await verified(desk, { incident: id }, false);
    expect(await nextOf(desk, id)).toMatchObject({
      state: 'escalated',
      waiting: { kind: 'take-up', why: 'verify failed 2 times: Not verified.' },
    });
  });

  it('for want of an answer asks for it, and verifies again with it', async () => {
    desk = await testDesk();
    const id = await verifying();
    const question = 'Does the page load?';
    const asking = reading('page', { section: 'verify', judgement: 'unknown', question });
    await verified(desk, { incident: id }, false, [asking]);
    expect((await nextOf(desk, id)).waiting).toEqual({
      kind: 'answer',
      check: 'page',
      question,
      section: 'verify',
    });
    await act(desk, id, { kind: 'answer', check: 'page', answer: 'yes' });
    expect(await nextOf(desk, id)).toMatchObject({ state: 'verifying', work: 'verify' });
    await verified(desk, { incident: id }, false, [asking]);
    await act(desk, id, { kind: 'answer', check: 'page', answer: 'no' });
    expect((await nextOf(desk, id)).waiting).toMatchObject({ kind: 'proposal' });
  });
});

describe('alerts that have resolved', () => {
  it('are evidence: what waits for people is verified once, and resolved if it holds', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    await alert(desk, id, 'firing');
    expect((await nextOf(desk, id)).waiting).toMatchObject({ kind: 'begin' });
    await alert(desk, id, 'resolved');
    expect(await nextOf(desk, id)).toEqual({ state: 'verifying', work: 'verify', waiting: null });
    await verified(desk, { incident: id }, true);
    expect((await nextOf(desk, id)).state).toBe('resolved');
  });

  it('prove nothing when verify fails: the incident waits as before, until news of an alert', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk, 'inconclusive');
    await alert(desk, id, 'firing');
    await alert(desk, id, 'resolved');
    await verified(desk, { incident: id }, false);
    expect(await nextOf(desk, id)).toMatchObject({ state: 'inconclusive', waiting: { kind: 'begin' } });
    await act(desk, id, { kind: 'note', text: 'looked' });
    expect((await nextOf(desk, id)).state).toBe('inconclusive');
    await alert(desk, id, 'firing');
    expect((await nextOf(desk, id)).state).toBe('inconclusive');
    await alert(desk, id, 'resolved');
    expect((await nextOf(desk, id)).state).toBe('verifying');
  });

  it('during the diagnosis wait for its verdict', async () => {
    desk = await testDesk();
    const id = await open(desk);
    await alert(desk, id, 'firing');
    await alert(desk, id, 'resolved');
    const [work] = await take(desk);
    expect(work?.kind).toBe('diagnose');
    await concluded(desk, work!, 'ruled-out');
    expect(await nextOf(desk, id)).toMatchObject({ state: 'verifying', work: 'verify' });
  });

  it('do not stop a step that runs, and are looked at when people are waited for', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    await alert(desk, id, 'firing');
    await approve(desk, id, 1);
    await take(desk);
    await alert(desk, id, 'resolved');
    expect(await findWork(desk.store.db, id)).toMatchObject({ kind: 'step', state: 'taken' });
    await ended(desk, id);
    expect(await nextOf(desk, id)).toMatchObject({ state: 'verifying', work: 'verify' });
  });
});

describe('an answer', () => {
  const asked = (): Reading[] => [
    reading('rate', { judgement: 'abnormal' }),
    reading('page', { judgement: 'unknown', question: 'Is the page slow?' }),
  ];
  async function inconclusive(): Promise<string> {
    const id = await open(desk);
    const [work] = await take(desk);
    await concluded(desk, work!, 'inconclusive', asked());
    return id;
  }

  it('to the question of a check judges the verdict again', async () => {
    desk = await testDesk();
    const id = await inconclusive();
    expect((await nextOf(desk, id)).waiting).toMatchObject({ kind: 'answer', check: 'page' });
    await act(desk, id, { kind: 'answer', check: 'page', answer: 'no' });
    expect(await nextOf(desk, id)).toMatchObject({ state: 'confirmed', waiting: { kind: 'begin' } });
  });

  it('that nobody knows is not asked for again', async () => {
    desk = await testDesk();
    const id = await inconclusive();
    await act(desk, id, { kind: 'answer', check: 'page', answer: 'unknown' });
    expect(await nextOf(desk, id)).toMatchObject({ state: 'inconclusive', waiting: { kind: 'begin' } });
    await expect(act(desk, id, { kind: 'answer', check: 'page', answer: 'no' })).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
    });
  });
});

describe('what is done to an incident', () => {
  it('is refused once it is closed, but for notes', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk, 'ruled-out');
    await act(desk, id, { kind: 'close', why: 'a false alarm' });
    for (const action of [
      { kind: 'diagnose' },
      { kind: 'verify' },
      { kind: 'skip', step: 1, why: 'x' },
      { kind: 'propose', step: 1, why: 'x' },
      { kind: 'adopt', runbook: 'storm' },
      { kind: 'assign', to: 'ada' },
      { kind: 'ad-hoc', command: 'ls' },
      { kind: 'escalate', why: 'x' },
      { kind: 'close', why: 'x' },
    ] as const) {
      await expect(act(desk, id, action), action.kind).rejects.toMatchObject(notNow);
    }
    await expect(approve(desk, id, 1)).rejects.toMatchObject(notNow);
    await act(desk, id, { kind: 'note', text: 'it was the clock' });
    expect(await nextOf(desk, id)).toEqual({ state: 'closed', work: null, waiting: null });
  });

  it('is refused for a confirmed one that somebody wants to close: it is verified, or escalated', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    await expect(act(desk, id, { kind: 'close', why: 'tired' })).rejects.toMatchObject(notNow);
  });

  it('is kept without its secrets', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    await act(desk, id, {
      kind: 'ad-hoc',
      command: 'curl -H "Authorization: Bearer abcdefghijklmnop" x',
      output: 'the key is hunter2-secret',
      exit: 0,
    });
    await act(desk, id, { kind: 'note', text: 'password=hunter2-secret' });
    const said = JSON.stringify(await listEvents(desk.store.db, id));
    expect(said).not.toContain('hunter2');
    expect(said).not.toContain('abcdefghijklmnop');
  });

  it('by an agent is looking, suggesting and writing down, whatever its role', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    const bot = person('bot', 'admin', 'agent');
    for (const action of [
      { kind: 'skip', step: 1, why: 'x' },
      { kind: 'verify' },
      { kind: 'close', why: 'x' },
      { kind: 'report', step: 3, outcome: 'done', note: '' },
      { kind: 'answer', check: 'rate', answer: 'yes' },
      { kind: 'decide', step: 1, decision: 'done' },
    ] as const) {
      await expect(act(desk, id, action, bot), action.kind).rejects.toMatchObject({ code: 'E_FORBIDDEN' });
    }
    await act(desk, id, { kind: 'propose', step: 1, why: 'it looks' }, bot);
    await act(desk, id, { kind: 'note', text: 'I looked' }, bot);
    await act(desk, id, { kind: 'diagnose' }, bot);
    expect(await nextOf(desk, id)).toMatchObject({ state: 'diagnosing', work: 'diagnose' });
  });

  it('cannot fill its time line with talk', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    await desk.store.db.updateTable('incidents').set({ seq: 15_000 }).where('id', '=', id).execute();
    await expect(act(desk, id, { kind: 'note', text: 'x' })).rejects.toMatchObject({ code: 'E_LIMIT' });
    await act(desk, id, { kind: 'escalate', why: 'enough' });
  });

  it('needs an incident that is there', async () => {
    desk = await testDesk();
    await expect(act(desk, 'inc-nothing', { kind: 'note', text: 'x' })).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
    });
  });

  it('is told to whoever wants to know, in the same transaction, with what follows by itself', async () => {
    const told: string[][] = [];
    const quiet = await testDesk([{ 'begin-when-confirmed': true, 'run-alone': ['safe'] }]);
    desk = Object.assign(quiet, {
      onChange: async (
        _tx: unknown,
        change: { events: readonly { kind: string }[]; waiting: { kind: string } | null },
      ) => {
        told.push([
          ...change.events.map(({ kind }) => kind),
          `waits ${change.waiting?.kind ?? 'for nobody'}`,
        ]);
      },
    });
    const id = await diagnosed(desk);
    expect(told).toEqual([
      ['diagnosis-started', 'waits for nobody'],
      ['verdict-reached', 'decided', 'remediation-started', 'step-approved', 'waits for nobody'],
    ]);
    await act(desk, id, { kind: 'escalate', why: 'x' });
    expect(told.at(-1)).toEqual(['escalated', 'waits take-up']);
    await act(desk, id, { kind: 'assign', to: 'bob' }, ada);
    expect((await findIncident(desk.store.db, id))?.assignee).toBe('bob');
    expect(await kinds(id)).toContain('assigned');
  });
});
