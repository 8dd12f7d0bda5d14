import { afterEach, describe, expect, it } from 'vitest';
import { listEvents } from '../../store/index.ts';
import { policiesSchema, policyFor, policyWarnings } from './policies.ts';
import { act, diagnosed, ended, nextOf, type TestDesk, take, testDesk, verified } from './testing.ts';

let desk: TestDesk | null = null;
afterEach(async () => {
  await desk?.store.close();
  desk = null;
});

describe('policies', () => {
  const incident = { runbook: 'storm', severity: 'critical' };

  it('are off by default: people begin, and approve everything; two what is disruptive', () => {
    expect(policyFor(incident, policiesSchema.parse([]))).toEqual({
      beginWhenConfirmed: false,
      runAlone: [],
      approvalSeconds: 900,
      approvers: { safe: 1, reversible: 1, disruptive: 2 },
      maxRounds: 20,
    });
    expect(policiesSchema.parse(undefined)).toEqual([]);
  });

  it('count in order: the first that fits runbook and severity', () => {
    const policies = policiesSchema.parse([
      { runbook: 'leak', 'approval-seconds': 10 },
      { runbook: 'storm', severity: ['warning'], 'approval-seconds': 20 },
      { severity: ['critical'], 'approval-seconds': 30, approvers: { disruptive: 3 } },
      { 'approval-seconds': 40 },
    ]);
    expect(policyFor(incident, policies)).toMatchObject({
      approvalSeconds: 30,
      approvers: { safe: 1, reversible: 1, disruptive: 3 },
    });
    expect(policyFor({ ...incident, severity: 'warning' }, policies).approvalSeconds).toBe(20);
    expect(policyFor({ runbook: 'leak', severity: null }, policies).approvalSeconds).toBe(10);
    expect(policyFor({ runbook: '', severity: 'page' }, policies).approvalSeconds).toBe(40);
  });

  it.each([
    [{ 'run-alone': ['disruptive'] }, /name the one runbook/],
    [{ 'run-alone': ['reckless'] }, /run-alone/],
    [{ approvers: { disruptive: 0 } }, /approvers/],
    [{ 'approval-seconds': 1 }, /approval-seconds/],
    [{ 'run-allone': ['safe'] }, /run-allone/],
    [{ severity: [] }, /severity/],
  ])('refuse %j', (policy, message) => {
    expect(JSON.stringify(policiesSchema.safeParse([policy]).error)).toMatch(message);
  });

  it('say what is bold about them', () => {
    const bold = policiesSchema.parse([
      { runbook: 'storm', 'run-alone': ['safe', 'disruptive'], approvers: { disruptive: 1 } },
    ]);
    expect(policyWarnings(bold, ['storm'])).toEqual([
      "policy 1 (storm): disruptive steps of storm run with nobody's approval once it is confirmed",
      'policy 1 (storm): run-alone counts only after a person has begun, as begin-when-confirmed is off',
      'policy 1 (storm): one person is enough to approve a disruptive step',
    ]);
    expect(policyWarnings(policiesSchema.parse([{}]), [])).toEqual([]);
    expect(policyWarnings(policiesSchema.parse([{ runbook: 'strom' }]), ['storm'])).toEqual([
      'policy 1 (strom): no runbook of the library has this id',
    ]);
  });
});

describe('a policy', () => {
  const alone = [{ runbook: 'storm', 'begin-when-confirmed': true, 'run-alone': ['safe'] }];

  it('lets safe steps run by themselves once the verdict is confirmed, and no others', async () => {
    desk = await testDesk(alone);
    const id = await diagnosed(desk);
    expect(await nextOf(desk, id)).toMatchObject({ state: 'remediating', work: 'step' });
    const approved = (await listEvents(desk.store.db, id)).find(({ kind }) => kind === 'step-approved');
    expect(approved).toMatchObject({ actor: 'allclear', data: { step: 1, how: 'policy', by: [] } });
    await take(desk);
    await ended(desk, id);
    expect(await nextOf(desk, id)).toMatchObject({
      work: null,
      waiting: { kind: 'approval', step: 2, need: 1 },
    });
  });

  it.each(['inconclusive', 'ruled-out'] as const)(
    'begins nothing when the verdict is %s',
    async (verdict) => {
      desk = await testDesk(alone);
      const id = await diagnosed(desk, verdict);
      expect(await nextOf(desk, id)).toMatchObject({ state: verdict, work: null });
      await act(desk, id, { kind: 'verify' });
      await verified(desk, { incident: id }, false);
      expect(await nextOf(desk, id)).toMatchObject({
        state: verdict,
        work: null,
        waiting: { next: { need: 1 } },
      });
    },
  );

  it('is off by default', async () => {
    desk = await testDesk();
    expect(await nextOf(desk, await diagnosed(desk))).toMatchObject({ state: 'confirmed', work: null });
  });
});
