/** What the tests of the desk share: a desk over a store in memory, and a worker that does as it is told. */
import { TestClock } from '../../kernel/index.ts';
import { parseRunbook, type Runbook } from '../../runbook/index.ts';
import {
  countAlerts,
  findIncident,
  findWork,
  finishAttempt,
  holdWork,
  insertIntent,
  lockIncident,
  openStore,
  pickWork,
  type Store,
  sweepExpired,
  type WorkRecord,
  type Writer,
  writeAlerts,
} from '../../store/index.ts';
import type { Action } from '../actions.ts';
import type { Actor, Role } from '../actor.ts';
import { concludeDiagnosis, concludeVerification } from '../conclude.ts';
import { openIncident, openPage, type Page } from '../journal.ts';
import type { Reading, VerdictKind } from '../model.ts';
import type { TimelineEvent } from '../timeline.ts';
import type { Desk } from './desk.ts';
import { perform } from './perform.ts';
import { planAndStore } from './plan-next.ts';
import { type Policies, policiesSchema } from './policies.ts';
import { keptRunbook, loadStanding, type Standing } from './standing.ts';
import { standingStep } from './standing-step.ts';

export const STORM = `# Runbook: Storm

## Diagnosis

\`\`\`bash {"name":"rate","normal":"value < 1.0"}
echo 2
\`\`\`

## Remediation

1. **Look**

   \`\`\`bash {"risk":"safe"}
   true
   \`\`\`

2. **Pace**

   \`\`\`bash {"risk":"reversible"}
   true
   \`\`\`

   \`\`\`bash
   echo second
   \`\`\`

3. **Call the owner**

4. **Restart**

   \`\`\`bash {"risk":"disruptive"}
   true
   \`\`\`

## Verify

\`\`\`bash {"name":"rate-again","normal":"value < 1.0"}
echo 0
\`\`\`
`;

export function storm(text = STORM, file = 'storm.md'): Runbook {
  return parseRunbook(text, file);
}

export interface TestDesk extends Desk {
  readonly clock: TestClock;
  /** The library; a test may change it. */
  runbooks: Runbook[];
}

/** @param given a store to work with; without one, a new one in memory, whose time is the test's */
export async function testDesk(policies: unknown = [], given?: Store): Promise<TestDesk> {
  const clock = new TestClock();
  const store = given ?? (await openStore(':memory:', { clock }));
  const desk: TestDesk = {
    store,
    clock,
    runbooks: [storm()],
    library: { list: () => desk.runbooks },
    policies: policiesSchema.parse(policies) satisfies Policies,
    params: {},
    secrets: ['hunter2-secret'],
  };
  return desk;
}

export function person(name: string, role: Role = 'approver', via: Actor['via'] = 'token'): Actor {
  return { name, role, via };
}

export const ada = person('ada');
export const bob = person('bob');

export function open(
  desk: TestDesk,
  runbook: Runbook | null = desk.runbooks[0]!,
  site = '',
): Promise<string> {
  return desk.store.write(async (tx) => {
    const opening = {
      runbook: runbook?.id ?? '',
      version: runbook && { file: runbook.file, source: runbook.source },
      title: 'Storm',
      severity: 'critical',
      labels: { instance: 'mcp-1' },
      joinKey: null,
      site,
    };
    const id = await openIncident(tx, opening, 'alertmanager', desk.clock);
    await planAndStore(tx, desk, id);
    return id;
  });
}

export async function standing(desk: Desk, incident: string): Promise<Standing> {
  const record = (await findIncident(desk.store.db, incident))!;
  return loadStanding(desk.store.db, desk, record, desk.store.now());
}

/** The hash that the step shows now. */
export async function hashOf(desk: Desk, incident: string, step: number): Promise<string> {
  return standingStep(await standing(desk, incident), step).approvalHash;
}

export async function approve(desk: Desk, incident: string, step: number, actor: Actor = ada) {
  return perform(desk, incident, actor, { kind: 'approve', step, hash: await hashOf(desk, incident, step) });
}

export function act(desk: Desk, incident: string, action: Action, actor: Actor = ada) {
  return perform(desk, incident, actor, action);
}

/** Takes whatever work is ready. */
export async function take(desk: Desk, leaseMs = 5_000): Promise<WorkRecord[]> {
  const now = desk.store.now();
  return desk.store.write(async (tx) => {
    const taking = { worker: 'w', sites: null, limit: 10, now, leaseUntil: now + leaseMs };
    const taken = (await pickWork(tx, desk.store.kind, taking)).map(({ work }) => work);
    await holdWork(tx, taken);
    for (const work of taken) if (work.kind === 'step') await intend(tx, desk, work, now + leaseMs);
    return taken;
  });
}

async function intend(tx: Writer, desk: Desk, work: WorkRecord, leaseUntil: number): Promise<void> {
  const { incident } = work;
  const runbook = await keptRunbook(tx, (await findIncident(tx, incident))!);
  const title = runbook!.steps.find(({ index }) => index === work.step)!.title;
  const at = desk.store.now();
  const [step, block] = [work.step!, work.block!];
  const id = `att-${incident}-${work.fence}-${step}-${block}`;
  const intent = { id, incident, step, block, stepHash: work.stepHash!, worker: 'w', at, leaseUntil };
  const { attempt, fence } = await insertIntent(tx, intent);
  await openPage(tx, { incident, actor: 'w', at }).append('step-intended', {
    step,
    title,
    block,
    attempt,
    fence,
  });
}

async function report(
  desk: Desk,
  work: Pick<WorkRecord, 'incident'>,
  write: (page: Page, tx: Writer) => Promise<void>,
): Promise<void> {
  await desk.store.write(async (tx) => {
    await lockIncident(tx, work.incident);
    const events: TimelineEvent[] = [];
    const note = (event: TimelineEvent) => events.push(event);
    const page = openPage(tx, { incident: work.incident, actor: 'w', at: desk.store.now(), note });
    await tx.deleteFrom('work').where('incident', '=', work.incident).execute();
    await write(page, tx);
    await planAndStore(tx, desk, work.incident, events);
  });
}

export function reading(check: string, changes: Partial<Reading> = {}): Reading {
  return {
    check,
    label: check,
    section: 'diagnosis',
    judgement: 'abnormal',
    informational: false,
    value: 2,
    shown: '2',
    normal: null,
    abnormal: null,
    question: null,
    why: 'It is 2.',
    output: '2',
    exit: 0,
    error: null,
    startedAt: 0,
    durationMs: 1,
    ...changes,
  };
}

export function concluded(
  desk: Desk,
  work: Pick<WorkRecord, 'incident'>,
  verdict: VerdictKind,
  readings: readonly Reading[] = [reading('rate')],
): Promise<void> {
  const about = { runbook: { id: 'storm' }, surroundings: { clock: desk.clock } };
  const found = { runbook: 'storm', verdict, why: `It is ${verdict}.`, readings };
  return report(desk, work, (page) => concludeDiagnosis(page, about, found));
}

export function verified(
  desk: Desk,
  work: Pick<WorkRecord, 'incident'>,
  yes: boolean,
  readings: readonly Reading[] = [],
): Promise<void> {
  const about = { runbook: { id: 'storm' }, surroundings: { clock: desk.clock } };
  const result = { verified: yes, why: yes ? 'All normal.' : 'Not verified.', readings, rounds: 1 };
  return report(desk, work, (page) => concludeVerification(page, about, result));
}

/** The outcome of the step that runs. @returns false when it came too late */
export async function ended(
  desk: Desk,
  incident: string,
  state: 'succeeded' | 'failed' = 'succeeded',
): Promise<boolean> {
  const running = (await standing(desk, incident)).steps.find((step) => step.state === 'running');
  const attempt = running!.attempt!;
  const row = await desk.store.db
    .selectFrom('step_attempts')
    .select(['id'])
    .where('incident', '=', incident)
    .where('fence', '=', attempt.fence)
    .executeTakeFirstOrThrow();
  let ours = false;
  await report(desk, { incident }, async (page, tx) => {
    const exit = state === 'succeeded' ? 0 : 1;
    const end = { state, exit, output: '', truncated: false, at: page.at };
    ours = await finishAttempt(tx, { id: row.id, fence: attempt.fence }, end);
    const { step, title, block, fence } = attempt;
    const data = { step, title, block, attempt: attempt.attempt, fence, state, exit, durationMs: 1 };
    if (ours) await page.append('step-ended', data);
  });
  return ours;
}

/** Gives up what has outlived its lease. */
export async function sweep(desk: Desk): Promise<number> {
  return desk.store.write(async (tx) => {
    const at = desk.store.now();
    const swept = await sweepExpired(tx, at);
    for (const { incident, step, block, attempt, fence, worker } of swept) {
      const page = openPage(tx, { incident, actor: 'w', at });
      await tx.deleteFrom('work').where('incident', '=', incident).execute();
      await page.append('step-unknown', { step, title: `step ${step}`, block, attempt, fence, worker });
      await planAndStore(tx, desk, incident);
    }
    return swept.length;
  });
}

/** Its one alert fires, again or for the first time, or resolves. */
export async function alert(desk: Desk, incident: string, status: 'firing' | 'resolved'): Promise<void> {
  await desk.store.write(async (tx) => {
    const at = desk.store.now();
    const record = (await lockIncident(tx, incident))!;
    if (!record.open) return;
    const about = { fingerprint: 'f', startsAt: 1, endsAt: null, labels: {}, annotations: {} };
    await writeAlerts(tx, [{ ...about, generatorUrl: null, incident, status, deliveries: 1 }], at);
    if (record.alertCount === 0) await countAlerts(tx, incident, 1);
    const page = openPage(tx, { incident, actor: 'alertmanager', at });
    await page.append('alert', { status, name: 'Storm', fingerprint: 'f', startsAt: 1 });
    if (status === 'resolved') await planAndStore(tx, desk, incident);
  });
}

export async function nextOf(desk: Desk, incident: string) {
  const record = (await findIncident(desk.store.db, incident))!;
  const work = await findWork(desk.store.db, incident);
  return { state: record.state, work: work?.kind ?? null, waiting: record.waiting };
}

/** Diagnosed with this verdict, and nobody has begun. */
export async function diagnosed(desk: TestDesk, verdict: VerdictKind = 'confirmed'): Promise<string> {
  const incident = await open(desk);
  const [work] = await take(desk);
  await concluded(desk, work!, verdict);
  return incident;
}
