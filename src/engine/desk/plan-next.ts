/** The end of every transaction on an incident: what follows by itself, and what comes next, written down. */
import {
  appendEvents,
  findWork,
  hasFiring,
  type IncidentRecord,
  lockIncident,
  type NewEvent,
  type NewWork,
  setNextOfAll,
  updateIncidentStates,
  type Writer,
} from '../../store/index.ts';
import type { AppendedEvent, Change } from '../change.ts';
import { type IncidentMove, isOver, transition } from '../incident.ts';
import { noIncident } from '../journal.ts';
import { type EventData, type EventKind, readTimeline, type TimelineEvent } from '../timeline.ts';
import type { PlanNext } from '../work/ports.ts';
import { type Desk, ITSELF } from './desk.ts';
import { type ByItself, nextByItself, plan } from './plan.ts';
import type { Plan } from './plan-model.ts';
import { loadStanding, loadStandings, type Standing, standingAfter } from './standing.ts';
import { runningStep } from './standing-step.ts';
import type { Waiting } from './waiting.ts';

/** More than this cannot follow by itself from one change; it bounds a mistake. */
const MAX_TURNS = 10;

/**
 * Does what follows by itself, writes the work and what the incident waits for, and tells `desk.onChange`. Called last in
 * the transaction that has changed the incident; its row is locked.
 * @param done what this transaction has appended before
 */
export async function planFrom(
  tx: Writer,
  desk: Desk,
  at: Standing,
  done: readonly AppendedEvent[],
): Promise<Plan> {
  const [only] = await planAll(tx, desk, [{ at, done }]);
  return only!;
}

/**
 * The same for an incident by its id, as for intake after it has opened one, or its alerts have resolved.
 * @throws `E_NOT_FOUND`
 */
export async function planAndStore(
  tx: Writer,
  desk: Desk,
  incident: string,
  done: readonly AppendedEvent[] = [],
): Promise<Plan> {
  const record = await lockIncident(tx, incident);
  if (!record) throw noIncident(incident);
  return planFrom(tx, desk, await loadStanding(tx, desk, record, desk.store.now()), done);
}

/** For workers and intake: plans what comes next for all incidents of one transaction. */
export function planNext(desk: Desk): PlanNext {
  return async (tx, all, at) => {
    const standings = await loadStandings(
      tx,
      desk,
      all.map(({ incident }) => incident),
      at,
    );
    const doneBy = new Map(all.map(({ incident, events }) => [incident, events]));
    await planAll(
      tx,
      desk,
      standings.map((standing) => ({ at: standing, done: doneBy.get(standing.record.id) ?? [] })),
    );
  };
}

interface Planning {
  readonly at: Standing;
  readonly done: readonly AppendedEvent[];
}

async function planAll(tx: Writer, desk: Desk, all: readonly Planning[]): Promise<Plan[]> {
  const plans: Plan[] = [];
  const rows: Parameters<typeof setNextOfAll>[1][number][] = [];
  const changes: Change[] = [];
  for (const { at, written, done } of await settleAll(tx, all)) {
    const next = plan(at);
    const { record, now } = at;
    plans.push(next);
    rows.push({ incident: record.id, ...(await toStore(tx, at, next)), at: now });
    changes.push({ incident: record.id, at: now, events: [...done, ...written], waiting: next.waiting });
  }
  await setNextOfAll(tx, rows);
  for (const change of changes) await desk.onChange?.(tx, change);
  return plans;
}

interface Settled extends Planning {
  /** What has followed by itself. */
  readonly written: readonly TimelineEvent[];
}

/** Turn by turn for all of them, so that what happens to many in the same turn is written together. */
async function settleAll(tx: Writer, all: readonly Planning[]): Promise<Settled[]> {
  const settled: Settled[] = all.map((planning) => ({ ...planning, written: [] }));
  let open = settled.map((_, index) => index);
  for (let turn = 0; turn < MAX_TURNS && open.length > 0; turn++) {
    const going: { readonly index: number; readonly following: Following }[] = [];
    for (const index of open) {
      const before = settled[index]!;
      const at = await withAlerts(tx, before.at);
      settled[index] = { ...before, at };
      const next = nextByItself(at);
      if (next) going.push({ index, following: follow(at, next) });
    }
    const events = await write(
      tx,
      going.map(({ index, following }) => ({ at: settled[index]!.at, following })),
    );
    for (const { index, following } of going) {
      const before = settled[index]!;
      const more = events.get(before.at.record.id) ?? [];
      settled[index] = {
        ...before,
        at: standingAfter(before.at, following.state, more),
        written: [...before.written, ...more],
      };
    }
    open = going.map(({ index }) => index);
  }
  return settled;
}

/** What an incident's next turn brings: events, and the state after them. */
interface Following {
  readonly state: Standing['state'];
  readonly events: readonly Pick<NewEvent, 'kind' | 'data'>[];
}

/** @returns the events as they stand on the time lines, by incident */
async function write(
  tx: Writer,
  all: readonly { readonly at: Standing; readonly following: Following }[],
): Promise<Map<string, TimelineEvent[]>> {
  await updateIncidentStates(
    tx,
    all
      .filter(({ at, following }) => following.state !== at.state)
      .map(({ at, following: { state } }) => ({
        incident: at.record.id,
        state: state.state,
        snapshot: state,
        open: !isOver(state),
        at: at.now,
      })),
  );
  const events = await appendEvents(
    tx,
    all.flatMap(({ at, following }) =>
      following.events.map((event) => ({
        incident: at.record.id,
        event: { ...event, at: at.now, actor: ITSELF },
      })),
    ),
  );
  const byIncident = Map.groupBy(events, ({ incident }) => incident);
  return new Map([...byIncident].map(([incident, records]) => [incident, readTimeline(records)]));
}

/** Whether alerts still fire is only asked where the answer matters: an incident may have thousands. */
async function withAlerts(tx: Writer, at: Standing): Promise<Standing> {
  if (at.alerts !== 'unasked' || plan(at).waiting === null) return at;
  return { ...at, alerts: (await hasFiring(tx, at.record.id)) ? 'firing' : 'resolved' };
}

function follow(at: Standing, next: ByItself): Following {
  switch (next.kind) {
    case 'grant':
      return { state: at.state, events: [said('step-approved', grant(at, next.step))] };
    case 'diagnose':
      return moved(at, 'diagnosis-started', {});
    case 'begin': {
      const why = 'the policy begins what is confirmed';
      const { state, events } = moved(at, 'remediation-started', {});
      return { state, events: [said('decided', { decision: 'proceed', why }), ...events] };
    }
    case 'verify':
      return moved(at, 'verification-started', {});
    case 'escalate':
      return moved(at, 'escalated', { why: next.why });
  }
}

function said<Kind extends EventKind>(kind: Kind, data: EventData<Kind>): Pick<NewEvent, 'kind' | 'data'> {
  return { kind, data };
}

function moved<
  Kind extends 'diagnosis-started' | 'remediation-started' | 'verification-started' | 'escalated',
>(at: Standing, kind: Kind, data: EventData<Kind>): Following {
  const move = { kind, ...data } as Extract<IncidentMove, { kind: Kind }>;
  return { state: transition(at.state, move), events: [said(kind, data)] };
}

function grant(at: Standing, step: Extract<ByItself, { kind: 'grant' }>['step']): EventData<'step-approved'> {
  const { progress, rendered, have, need } = step;
  return {
    step: progress.index,
    title: progress.title,
    hash: rendered.hash,
    by: have.map(({ by }) => by),
    how: need === 0 ? 'policy' : 'person',
    run: progress.run,
    expiresAt: grantEnd(at, step),
  };
}

/** As soon as one of the approvals it needs would no longer count. */
function grantEnd(at: Standing, { have, need }: Extract<ByItself, { kind: 'grant' }>['step']): number {
  if (need === 0) return at.now + at.policy.approvalSeconds * 1000;
  const latest = have.map(({ expiresAt }) => expiresAt).toSorted((a, b) => b - a);
  return latest[need - 1]!;
}

/** The row of the work table. While a step runs, that of its worker stays. */
async function toStore(
  tx: Writer,
  { record, steps }: Standing,
  { work, waiting }: Plan,
): Promise<{ work: NewWork | null; waiting: Waiting | null }> {
  if (runningStep({ steps })) return { work: await findWork(tx, record.id), waiting: null };
  return { work: work && newWork(record, work), waiting };
}

function newWork({ site }: IncidentRecord, work: NonNullable<Plan['work']>): NewWork {
  if (work.kind !== 'step')
    return { kind: work.kind, site, step: null, block: null, stepHash: null, expiresAt: null };
  const { kind, step, block, hash, expiresAt } = work;
  return { kind, site, step, block, stepHash: hash, expiresAt };
}
