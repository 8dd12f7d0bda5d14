import { afterEach, describe, expect, it } from 'vitest';
import { appendEvent, findIncident, seeWorker } from '../../store/index.ts';
import {
  act,
  approve,
  bob,
  concluded,
  diagnosed,
  ended,
  open,
  person,
  STORM,
  storm,
  type TestDesk,
  take,
  testDesk,
} from './testing.ts';
import { summarize, viewIncident } from './view.ts';
import { incidentSummarySchema, incidentViewSchema } from './view-schema.ts';

let desk: TestDesk;
afterEach(() => desk.store.close());

/** What the API would answer: the contract holds, and nothing is lost by it. */
async function view(incident: string) {
  const seen = await viewIncident(desk, incident);
  expect(incidentViewSchema.parse(JSON.parse(JSON.stringify(seen)))).toEqual(seen);
  const record = (await findIncident(desk.store.db, incident))!;
  expect(incidentSummarySchema.parse(summarize(record))).toEqual(summarize(record));
  return seen;
}

describe('the view of an incident', () => {
  it('shows the verdict, what it waits for, and each step with what an approval must name', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    const seen = await view(id);
    expect(seen).toMatchObject({
      state: 'confirmed',
      why: 'It is confirmed.',
      runbook: 'storm',
      runbookChanged: false,
      coverageGap: false,
      verdict: { verdict: 'confirmed', readings: [{ check: 'rate', shown: '2' }] },
      waiting: { kind: 'begin', next: { step: 1, need: 1 } },
      work: null,
    });
    expect(seen.steps.map(({ risk, manual, approvals }) => [risk, manual, approvals.need])).toEqual([
      ['safe', false, 1],
      ['reversible', false, 1],
      ['reversible', true, 0],
      ['disruptive', false, 2],
    ]);
    expect(new Set(seen.steps.map(({ approvalHash }) => approvalHash)).size).toBe(4);
  });

  it('shows the parameters that an approval is about, but no secret among them', async () => {
    desk = await testDesk();
    const params =
      'region: {default: eu}\n  api-token: {default: letmein123}\n  header: {default: hunter2-secret}';
    desk.runbooks = [storm(`---\nparams:\n  ${params}\n---\n${STORM}`)];
    expect((await view(await diagnosed(desk))).parameters).toEqual({
      PARAM_REGION: 'eu',
      PARAM_API_TOKEN: '[redacted]',
      PARAM_HEADER: '[redacted]',
    });
  });

  it('shows work, attempts with a bounded output, and approvals only as long as they hold', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    await approve(desk, id, 1);
    expect((await view(id)).work).toMatchObject({ kind: 'step', step: 1, state: 'ready' });
    await take(desk);
    await ended(desk, id);
    await desk.store.db
      .updateTable('step_attempts')
      .set({ output: 'x'.repeat(60_000) })
      .execute();
    const [attempt] = (await view(id)).steps[0]!.attempts;
    expect(attempt).toMatchObject({ state: 'succeeded', truncated: true });
    expect(attempt!.output!.length).toBeLessThan(17_000);
    for (const step of [2, 3]) await act(desk, id, { kind: 'skip', step, why: 'not it' });
    await approve(desk, id, 4, bob);
    expect((await view(id)).waiting).toMatchObject({ kind: 'approval', step: 4, have: ['bob'] });
    desk.clock.jump(900_000);
    expect((await view(id)).waiting).toMatchObject({ kind: 'approval', step: 4, have: [] });
    expect((await view(id)).steps[3]!.approvals.have).toEqual([]);
  });

  it('says that no worker is there, for its site', async () => {
    desk = await testDesk();
    const id = await open(desk, storm(), 'berlin');
    expect((await view(id)).hints).toEqual([
      'No worker is there for the site berlin: start `allclear worker --site berlin` there.',
    ]);
    const now = desk.store.now();
    const worker = { id: 'w', sites: ['berlin'], version: '1', startedAt: now, seenAt: now };
    await desk.store.write((tx) => seeWorker(tx, worker));
    expect((await view(id)).hints).toEqual([]);
  });

  it('says that its runbook has changed since, and keeps to the text it began with', async () => {
    desk = await testDesk();
    const id = await diagnosed(desk);
    const before = await view(id);
    desk.runbooks = [storm(STORM.replaceAll('true', 'reboot'))];
    const after = await view(id);
    expect(after.runbookChanged).toBe(true);
    expect(after.hints[0]).toMatch(/storm has changed since/);
    expect(after.steps).toEqual(before.steps);
  });

  it('says that no runbook is linked', async () => {
    desk = await testDesk();
    const id = await open(desk, null);
    expect(await view(id)).toMatchObject({
      state: 'open',
      runbook: null,
      coverageGap: true,
      runbookChanged: false,
      steps: [],
      waiting: { kind: 'runbook' },
    });
  });

  it('shows the differential diagnosis, proposals and questions', async () => {
    desk = await testDesk();
    const id = await open(desk);
    const [work] = await take(desk);
    await concluded(desk, work!, 'confirmed');
    const data = {
      verdicts: [{ runbook: 'leak', title: 'Leak', verdict: 'confirmed', why: 'It leaks.', readings: [] }],
      proposed: 'leak',
      sandbox: 'bubblewrap',
      seconds: 1.5,
    };
    await desk.store.write((tx) =>
      appendEvent(tx, id, { at: desk.store.now(), actor: 'w', kind: 'differential', data }),
    );
    await act(desk, id, { kind: 'propose', step: 2, why: 'it paces' }, person('bot', 'responder', 'agent'));
    expect(await view(id)).toMatchObject({
      sandbox: 'bubblewrap',
      differential: { proposed: 'leak', verdicts: [{ runbook: 'leak' }] },
      proposals: [{ step: 2, by: 'bot', why: 'it paces' }],
    });
  });

  it('names a parameter that has no value', async () => {
    desk = await testDesk();
    desk.runbooks = [storm(`---\nparams:\n  region: where it is\n---\n${STORM}`)];
    const id = await diagnosed(desk);
    expect((await view(id)).hints).toEqual([
      'The parameter region has no value: set it under params in the configuration.',
    ]);
  });

  it('is E_NOT_FOUND for an incident that is not there', async () => {
    desk = await testDesk();
    await expect(viewIncident(desk, 'inc-nothing')).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  });
});
