import { afterEach, describe, expect, it } from 'vitest';
import { appendEvent, findIncident, findWork, runbookHash } from '../../store/index.ts';
import {
  act,
  approve,
  diagnosed,
  ended,
  nextOf,
  open,
  STORM,
  standing,
  storm,
  type TestDesk,
  take,
  testDesk,
} from './testing.ts';
import { viewIncident } from './view.ts';

let desk: TestDesk;
afterEach(() => desk.store.close());

const notNow = { code: 'E_TRANSITION' };

describe('another runbook', () => {
  const LEAK = STORM.replace('# Runbook: Storm', '# Runbook: Leak').replaceAll('true', 'free');

  it('can be adopted: it is diagnosed, its version kept, and old approvals fit nothing', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    await approve(desk, id, 1);
    desk.runbooks.push(storm(LEAK, 'leak.md'));
    await act(desk, id, { kind: 'adopt', runbook: 'LEAK' });
    expect(await nextOf(desk, id)).toEqual({ state: 'diagnosing', work: 'diagnose', waiting: null });
    expect(await findIncident(desk.store.db, id)).toMatchObject({
      runbook: 'leak',
      runbookHash: runbookHash(LEAK),
    });
    expect((await standing(desk, id)).steps[0]).toMatchObject({ run: 2, approvals: [], granted: null });
    expect((await standing(desk, id)).runbook?.steps[0]?.blocks[0]?.command.trim()).toBe('free');
  });

  it('brings the verdict that the differential diagnosis found', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk, 'ruled-out');
    desk.runbooks.push(storm(LEAK, 'leak.md'));
    const leak = { runbook: 'leak', title: 'Leak', verdict: 'confirmed', why: 'It leaks.', readings: [] };
    const data = { verdicts: [leak], proposed: 'leak', sandbox: 'none: off', seconds: 1 };
    await desk.store.write((tx) => appendEvent(tx, id, { at: 1, actor: 'w', kind: 'differential', data }));
    expect((await viewIncident(desk, id)).differential).toMatchObject({ proposed: 'leak', verdicts: [leak] });
    await act(desk, id, { kind: 'adopt', runbook: 'leak' });
    expect(await nextOf(desk, id)).toMatchObject({
      state: 'confirmed',
      waiting: { kind: 'begin', why: 'It leaks.' },
    });
    // The one that was proposed is no longer another one.
    expect((await viewIncident(desk, id)).differential).toMatchObject({ proposed: null, verdicts: [] });
  });

  it('closes a gap in coverage', async () => {
    desk = await testDesk();
    const id = await open(desk, null);
    expect(await nextOf(desk, id)).toMatchObject({ state: 'open', work: null, waiting: { kind: 'runbook' } });
    for (const action of [{ kind: 'diagnose' }, { kind: 'verify' }] as const) {
      await expect(act(desk, id, action)).rejects.toThrow(/no runbook is linked/);
    }
    await act(desk, id, { kind: 'adopt', runbook: 'storm' });
    expect(await nextOf(desk, id)).toMatchObject({ state: 'diagnosing', work: 'diagnose' });
  });

  it('must be in the library, and be another', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    await expect(act(desk, id, { kind: 'adopt', runbook: 'strom' })).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
      details: { next: 'Did you mean storm?' },
    });
    await expect(act(desk, id, { kind: 'adopt', runbook: 'storm' })).rejects.toMatchObject(notNow);
  });

  it('edited in the middle of an incident changes nothing, until it is adopted', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    await approve(desk, id, 1);
    const before = await findWork(desk.store.db, id);
    desk.runbooks = [storm(STORM.replaceAll('true', 'reboot'))];
    await act(desk, id, { kind: 'note', text: 'edited' });
    expect(await findWork(desk.store.db, id)).toEqual(before);
    await take(desk);
    await ended(desk, id);
    await act(desk, id, { kind: 'adopt', runbook: 'storm' });
    expect((await standing(desk, id)).runbook?.source).toContain('reboot');
    expect((await standing(desk, id)).steps[0]?.state).toBe('pending');
  });
});
