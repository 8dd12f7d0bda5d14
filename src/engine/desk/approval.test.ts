import { afterEach, describe, expect, it } from 'vitest';
import { AllclearError } from '../../kernel/index.ts';
import { findWork, listEvents } from '../../store/index.ts';
import { openJournal } from '../journal.ts';
import type { Operator } from '../operator.ts';
import { respond } from '../respond.ts';
import { DEFAULT_POLICY, type Respond } from '../response.ts';
import { sweepLeases } from '../step.ts';
import { testSurroundings } from '../testing.ts';
import {
  act,
  ada,
  approve,
  bob,
  concluded,
  diagnosed,
  ended,
  hashOf,
  nextOf,
  open,
  person,
  STORM,
  standing,
  storm,
  sweep,
  type TestDesk,
  take,
  testDesk,
} from './testing.ts';

let desk: TestDesk;
afterEach(() => desk.store.close());

/** Before the disruptive step 4, which needs two people. */
async function beforeRestart(): Promise<string> {
  const id = await diagnosed(desk);
  for (const step of [1, 2, 3]) await act(desk, id, { kind: 'skip', step, why: 'not it' });
  return id;
}

const stale = { code: 'E_APPROVAL_STALE' };
const notNow = { code: 'E_TRANSITION' };

describe('an approval', () => {
  it('that is forged, of another step, or of another incident is refused, and changes nothing', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    const other = await diagnosed(desk);
    const before = await nextOf(desk, id);
    const hashes = ['0'.repeat(64), await hashOf(desk, id, 2), await hashOf(desk, other, 1)];
    for (const hash of hashes) {
      await expect(act(desk, id, { kind: 'approve', step: 1, hash })).rejects.toMatchObject(stale);
    }
    expect(await nextOf(desk, id)).toEqual(before);
    expect((await listEvents(desk.store.db, id)).at(-1)?.kind).toBe('verdict-reached');
  });

  it('that is replayed counts once, and for a later run not at all', async () => {
    desk = await testDesk();
    const id = await beforeRestart();
    const hash = await hashOf(desk, id, 4);
    const replay = (actor = ada) => act(desk, id, { kind: 'approve', step: 4, hash }, actor);
    await replay();
    await expect(replay()).rejects.toMatchObject(stale);
    await expect(replay(person(' ADA '))).rejects.toMatchObject(stale);
    expect((await nextOf(desk, id)).waiting).toMatchObject({ have: ['ada'], need: 2 });
    await replay(bob);
    await take(desk);
    await ended(desk, id, 'failed');
    await act(desk, id, { kind: 'decide', step: 4, decision: 'again' });
    await expect(replay()).rejects.toMatchObject(stale);
    await expect(replay(bob)).rejects.toMatchObject(stale);
    expect(await nextOf(desk, id)).toMatchObject({ work: null, waiting: { have: [], need: 2, run: 2 } });
  });

  it('of a step whose parameters have changed since is refused', async () => {
    desk = await testDesk();
    desk.runbooks = [storm(`---\nparams:\n  region: {default: eu}\n---\n${STORM}`)];
    const id = await diagnosed(desk);
    const hash = await hashOf(desk, id, 1);
    const elsewhere = { ...desk, params: { region: 'us' } };
    await expect(act(elsewhere, id, { kind: 'approve', step: 1, hash })).rejects.toMatchObject(stale);
    await act(desk, id, { kind: 'approve', step: 1, hash });
  });

  it('counts for nothing once it has expired, alone or beside another', async () => {
    desk = await testDesk();
    const id = await beforeRestart();
    await approve(desk, id, 4, ada);
    desk.clock.jump(900_000);
    await approve(desk, id, 4, bob);
    expect(await nextOf(desk, id)).toMatchObject({ work: null, waiting: { have: ['bob'] } });
    await approve(desk, id, 4, ada);
    expect((await nextOf(desk, id)).work).toBe('step');
  });

  it('expires while the step waits for a worker: nobody begins it, and it is asked for again', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    await approve(desk, id, 1);
    desk.clock.jump(900_000);
    expect(await take(desk)).toEqual([]);
    await act(desk, id, { kind: 'note', text: 'where is the worker?' });
    expect(await nextOf(desk, id)).toMatchObject({ work: null, waiting: { kind: 'approval', have: [] } });
  });

  it('holds from block to block of a step that has begun, however long they take', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    await act(desk, id, { kind: 'skip', step: 1, why: 'seen' });
    await approve(desk, id, 2);
    await take(desk, 3_600_000);
    desk.clock.jump(1_800_000);
    await ended(desk, id);
    expect(await findWork(desk.store.db, id)).toMatchObject({ kind: 'step', step: 2, block: 1 });
    desk.clock.jump(900_000);
    expect(await take(desk)).toEqual([]);
  });

  it('is for the step whose turn it is, and for one that can run', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    await expect(approve(desk, id, 2)).rejects.toThrow(/step 1 "Look" comes first/);
    await expect(approve(desk, id, 9)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    for (const step of [1, 2]) await act(desk, id, { kind: 'skip', step, why: 'no' });
    await expect(approve(desk, id, 3)).rejects.toThrow(/nothing that could run/);
  });

  it('can be taken back before the step begins, by whoever gave it', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    await approve(desk, id, 1);
    await expect(act(desk, id, { kind: 'withdraw', step: 1 }, bob)).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
    });
    await act(desk, id, { kind: 'withdraw', step: 1 });
    expect(await nextOf(desk, id)).toMatchObject({ work: null, waiting: { kind: 'approval', have: [] } });
    await approve(desk, id, 1);
    await take(desk);
    await expect(act(desk, id, { kind: 'withdraw', step: 1 })).rejects.toMatchObject(notNow);
  });

  it('needs the role, a person, and two of them for what is disruptive', async () => {
    desk = await testDesk();
    const id = await beforeRestart();
    for (const actor of [
      person('rob', 'responder'),
      person('vera', 'viewer'),
      person('bot', 'admin', 'agent'),
    ]) {
      await expect(approve(desk, id, 4, actor)).rejects.toMatchObject({ code: 'E_FORBIDDEN' });
    }
    await approve(desk, id, 4, person('Ada'));
    await expect(approve(desk, id, 4, person('ada', 'admin', 'login'))).rejects.toMatchObject(stale);
    expect((await nextOf(desk, id)).work).toBe(null);
  });

  it('ends when the incident is escalated, or diagnosed again', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    await approve(desk, id, 1);
    await act(desk, id, { kind: 'escalate', why: 'over my head' });
    expect(await nextOf(desk, id)).toMatchObject({ state: 'escalated', work: null });
    await act(desk, id, { kind: 'skip', step: 2, why: 'not needed' }, bob);
    expect(await nextOf(desk, id)).toMatchObject({ state: 'remediating', work: null, waiting: { have: [] } });
  });

  it('by one of several who race is enough once: the step becomes work once, the others are told', async () => {
    desk = await testDesk();
    const id = await beforeRestart();
    const hash = await hashOf(desk, id, 4);
    const people = ['ada', 'bob', 'carol', 'dan', 'eve'].map((name) => person(name));
    const settled = await Promise.allSettled(
      people.map((actor) => act(desk, id, { kind: 'approve', step: 4, hash }, actor)),
    );
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    for (const one of settled) {
      if (one.status === 'rejected') {
        expect(one.reason).toMatchObject({
          code: 'E_TRANSITION',
          message: expect.stringMatching(/has the approvals/),
        });
      }
    }
    const kinds = (await listEvents(desk.store.db, id)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'step-approved')).toHaveLength(1);
    expect(await take(desk)).toHaveLength(1);
    expect(await take(desk)).toHaveLength(0);
  });
});

describe('a step of the service', () => {
  it('whose worker falls silent waits for a decision, and runs again only on a new approval', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    await approve(desk, id, 1);
    await take(desk);
    desk.clock.jump(5_001);
    await sweep(desk);
    expect(await nextOf(desk, id)).toMatchObject({
      work: null,
      waiting: { kind: 'decision', about: 'unknown', step: 1, title: 'Look' },
    });
    await expect(approve(desk, id, 1, bob)).rejects.toThrow(/is unknown/);
    await expect(act(desk, id, { kind: 'adopt', runbook: 'storm' })).rejects.toMatchObject({
      code: 'E_STEP_UNDECIDED',
    });
    await act(desk, id, { kind: 'decide', step: 1, decision: 'again', why: 'it had not begun' });
    await expect(act(desk, id, { kind: 'decide', step: 1, decision: 'done' })).rejects.toMatchObject(notNow);
    expect(await nextOf(desk, id)).toMatchObject({ work: null, waiting: { kind: 'approval', run: 2 } });
    await approve(desk, id, 1);
    await take(desk);
    await ended(desk, id);
    expect((await standing(desk, id)).steps[0]).toMatchObject({ state: 'done', run: 2 });
  });

  it('that failed is decided about: done, or left out', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    await approve(desk, id, 1);
    await take(desk);
    await ended(desk, id, 'failed');
    await expect(act(desk, id, { kind: 'skip', step: 1, why: 'no' })).rejects.toMatchObject(notNow);
    expect((await nextOf(desk, id)).waiting).toMatchObject({ kind: 'decision', about: 'failed' });
    await act(desk, id, { kind: 'decide', step: 1, decision: 'skip' });
    expect((await nextOf(desk, id)).waiting).toMatchObject({ kind: 'approval', step: 2 });
  });

  it('is left alone while it runs: others wait, and an escalation does not lose its end', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    await approve(desk, id, 1);
    await take(desk);
    for (const action of [
      { kind: 'diagnose' },
      { kind: 'verify' },
      { kind: 'adopt', runbook: 'storm' },
      { kind: 'close', why: 'x' },
      { kind: 'skip', step: 1, why: 'x' },
    ] as const) {
      await expect(act(desk, id, action), action.kind).rejects.toMatchObject({ code: 'E_STEP_BUSY' });
    }
    await expect(approve(desk, id, 1, bob)).rejects.toThrow(/is running/);
    await act(desk, id, { kind: 'escalate', why: 'call them' });
    expect(await ended(desk, id)).toBe(true);
    expect(await nextOf(desk, id)).toMatchObject({ state: 'escalated', waiting: { kind: 'take-up' } });
    expect((await standing(desk, id)).steps[0]?.state).toBe('done');
  });

  it('is done again when somebody reopens it, with new approvals', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    await act(desk, id, { kind: 'skip', step: 1, why: 'no' });
    await act(desk, id, { kind: 'reopen', step: 1, why: 'yes' });
    expect((await nextOf(desk, id)).waiting).toMatchObject({ kind: 'approval', step: 1, run: 2 });
    await expect(act(desk, id, { kind: 'reopen', step: 1, why: 'x' })).rejects.toMatchObject(notNow);
  });
});

describe('`allclear run` on an incident of the service', () => {
  it('does not begin while a worker is at it, and takes what nobody has begun', async () => {
    desk = await testDesk();
    const id = await open(desk);
    const context = (): Respond => ({
      runbook: desk.runbooks[0]!,
      journal: openJournal({ store: desk.store, incident: id, actor: 'ada' }),
      operator: {
        ...unasked,
        proceed: async () => 'stop',
      },
      surroundings: testSurroundings(),
      levers: null,
      policy: DEFAULT_POLICY,
      worker: 'here:1',
    });
    const [work] = await take(desk);
    await expect(respond(context())).rejects.toMatchObject({ code: 'E_STEP_BUSY' });
    await concluded(desk, work!, 'confirmed');
    await approve(desk, id, 1);
    expect((await nextOf(desk, id)).work).toBe('step');
    await expect(respond(context())).rejects.toMatchObject({ code: 'E_APPROVAL_NEEDED' });
    expect((await nextOf(desk, id)).work).toBe(null);
    expect(await take(desk)).toEqual([]);
  });

  it('gives up a worker that fell silent, as the service would', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    await approve(desk, id, 1);
    await take(desk);
    desk.clock.jump(5_001);
    expect(await sweepLeases(desk.store, 'ada')).toBe(1);
    expect(await nextOf(desk, id)).toMatchObject({
      work: null,
      waiting: { kind: 'decision', about: 'unknown', step: 1, title: 'Look' },
    });
  });
});

/** Nobody is there. */
const nobody = async (): Promise<never> => {
  throw new AllclearError('E_APPROVAL_NEEDED', { what: 'nobody is there to ask' });
};
const unasked: Operator = {
  proceed: nobody,
  approve: nobody,
  reportManual: nobody,
  decideUnknown: nobody,
  decideFailed: nobody,
  answer: nobody,
  stopEarly: nobody,
  afterFailedVerify: nobody,
};
