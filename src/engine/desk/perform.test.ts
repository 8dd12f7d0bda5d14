import { afterEach, describe, expect, it } from 'vitest';
import { listEvents, listEvidence } from '../../store/index.ts';
import {
  act,
  ada,
  approve,
  bob,
  concluded,
  diagnosed,
  ended,
  nextOf,
  open,
  type TestDesk,
  take,
  testDesk,
  verified,
} from './testing.ts';

let desk: TestDesk;
afterEach(() => desk.store.close());

async function kinds(incident: string): Promise<string[]> {
  return (await listEvents(desk.store.db, incident)).map(({ kind }) => kind);
}

describe('an incident of the service', () => {
  it('goes from its opening to all clear, each part as the plan says', async () => {
    desk = await testDesk();
    const id = await open(desk);
    expect(await nextOf(desk, id)).toEqual({ state: 'diagnosing', work: 'diagnose', waiting: null });
    const [work] = await take(desk);
    await concluded(desk, work!, 'confirmed');
    expect(await nextOf(desk, id)).toMatchObject({
      state: 'confirmed',
      work: null,
      waiting: { kind: 'begin', verdict: 'confirmed', next: { step: 1, need: 1, have: [] } },
    });
    await approve(desk, id, 1);
    expect(await nextOf(desk, id)).toMatchObject({ state: 'remediating', work: 'step', waiting: null });
    await take(desk);
    expect(await nextOf(desk, id)).toMatchObject({ work: 'step', waiting: null });
    await ended(desk, id);
    expect((await nextOf(desk, id)).waiting).toMatchObject({ kind: 'approval', step: 2, risk: 'reversible' });
    await approve(desk, id, 2);
    for (let block = 0; block < 2; block++) {
      await take(desk);
      await ended(desk, id);
    }
    expect((await nextOf(desk, id)).waiting).toEqual({ kind: 'manual', step: 3, title: 'Call the owner' });
    await act(desk, id, { kind: 'report', step: 3, outcome: 'done', note: 'rang' });
    await approve(desk, id, 4, ada);
    expect((await nextOf(desk, id)).waiting).toMatchObject({ kind: 'approval', have: ['ada'], need: 2 });
    await approve(desk, id, 4, bob);
    await take(desk);
    await ended(desk, id);
    expect(await nextOf(desk, id)).toEqual({ state: 'verifying', work: 'verify', waiting: null });
    const [verify] = await take(desk);
    await verified(desk, verify!, true);
    expect(await nextOf(desk, id)).toEqual({ state: 'resolved', work: null, waiting: null });
    await act(desk, id, { kind: 'close', why: 'written up' });
    expect(await nextOf(desk, id)).toEqual({ state: 'closed', work: null, waiting: null });
    expect(await kinds(id)).toEqual([
      'opened',
      'diagnosis-started',
      'verdict-reached',
      'decided',
      'remediation-started',
      'step-approval',
      'step-approved',
      'step-intended',
      'step-ended',
      'step-approval',
      'step-approved',
      'step-intended',
      'step-ended',
      'step-intended',
      'step-ended',
      'step-reported',
      'step-approval',
      'step-approval',
      'step-approved',
      'step-intended',
      'step-ended',
      'verification-started',
      'verified',
      'closed',
    ]);
    expect(
      (await listEvidence(desk.store.db, 'storm')).map(({ subject, kind }) => `${subject} ${kind}`),
    ).toEqual(expect.arrayContaining(['verify worked', 'step:3 reported-done', 'verdict confirmed']));
  });

  it('begins when its first step is approved, also where the verdict is not confirmed', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk, 'ruled-out');
    await approve(desk, id, 1);
    expect(await nextOf(desk, id)).toMatchObject({ state: 'remediating', work: 'step' });
  });
});
