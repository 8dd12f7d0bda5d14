/** The one way in which people, agents and programs change an incident of the service. */
import { AllclearError } from '../../kernel/index.ts';
import { findIncident, lockIncident, type Writer } from '../../store/index.ts';
import { type Action, type ActionKind, actionRoles } from '../actions.ts';
import { type Actor, requireRole } from '../actor.ts';
import { readState } from '../incident.ts';
import { noIncident, openPage } from '../journal.ts';
import { redact } from '../redact.ts';
import type { TimelineEvent } from '../timeline.ts';
import type { Act } from './act.ts';
import type { Desk } from './desk.ts';
import * as whole from './incident-actions.ts';
import type { Plan } from './plan-model.ts';
import { planFrom } from './plan-next.ts';
import { loadStanding, type Standing, standingAfter } from './standing.ts';
import * as steps from './step-actions.ts';

/** What agents may do: look, say, suggest. Never approve, decide, report or answer, whatever their role. */
const forAgents: readonly ActionKind[] = ['diagnose', 'note', 'propose'];

/**
 * On a time line with so many events only what brings the incident forward is taken, so that nobody can talk it
 * to its end.
 */
const TALKED_OUT = 15_000;
const talk: readonly ActionKind[] = ['diagnose', 'answer', 'note', 'ad-hoc', 'propose', 'assign', 'withdraw'];

export interface Performed {
  readonly plan: Plan;
  /** What the action itself has put on the time line. */
  readonly events: readonly TimelineEvent[];
}

/**
 * Does one action, in one transaction: it is checked against role and state, its events are appended, and what
 * comes next is planned.
 * @throws `E_FORBIDDEN` for a role that is not enough, and for agents; `E_NOT_FOUND` without such an incident,
 *   step, question or runbook; `E_TRANSITION` when the state does not allow it; `E_APPROVAL_STALE` for an approval
 *   that does not fit; `E_STEP_BUSY` while a step runs; `E_STEP_UNDECIDED`; `E_LIMIT`
 */
export async function perform(
  desk: Desk,
  incident: string,
  actor: Actor,
  action: Action,
): Promise<Performed> {
  requireAllowed(actor, action.kind);
  const { store } = desk;
  return store.write(async (tx) => {
    const record = await lockIncident(tx, incident);
    if (!record) throw noIncident(incident);
    if (record.seq >= TALKED_OUT && talk.includes(action.kind)) throw talkedOut(incident);
    const at = await loadStanding(tx, desk, record, store.now());
    const events: TimelineEvent[] = [];
    const note = (event: TimelineEvent) => events.push(event);
    const page = openPage(tx, { incident, actor: actor.name, at: at.now, note });
    const clean = (text: string) => redact(text, desk.secrets);
    await act({ desk, page, at, actor, clean }, action);
    const after = await standingNow(tx, desk, at, events);
    return { plan: await planFrom(tx, desk, after, events), events };
  });
}

function act(about: Act, action: Action): Promise<void> {
  switch (action.kind) {
    case 'approve':
      return steps.approve(about, action);
    case 'withdraw':
      return steps.withdraw(about, action);
    case 'skip':
      return steps.skip(about, action);
    case 'decide':
      return steps.decide(about, action);
    case 'reopen':
      return steps.reopen(about, action);
    case 'report':
      return steps.report(about, action);
    case 'propose':
      return steps.propose(about, action);
    case 'diagnose':
      return whole.diagnoseAgain(about);
    case 'verify':
      return whole.verifyNow(about);
    case 'answer':
      return whole.answer(about, action);
    case 'note':
      return whole.note(about, action);
    case 'ad-hoc':
      return whole.adHoc(about, action);
    case 'adopt':
      return whole.adopt(about, action);
    case 'assign':
      return whole.assign(about, action);
    case 'escalate':
      return whole.escalate(about, action);
    case 'close':
      return whole.close(about, action);
  }
}

function requireAllowed(actor: Actor, kind: ActionKind): void {
  if (actor.via === 'agent' && !forAgents.includes(kind)) {
    throw new AllclearError('E_FORBIDDEN', {
      what: `an agent cannot ${kind}: that is for people, whatever the token's role`,
      next: 'Propose a step, or write a note; a person approves on the server.',
    });
  }
  requireRole(actor, actionRoles[kind], `"${kind}"`);
}

/** Where it stands after the action. With another runbook it is read anew. */
async function standingNow(
  tx: Writer,
  desk: Desk,
  before: Standing,
  events: readonly TimelineEvent[],
): Promise<Standing> {
  const record = (await findIncident(tx, before.record.id))!;
  if (record.runbookHash !== before.record.runbookHash) return loadStanding(tx, desk, record, before.now);
  return standingAfter({ ...before, record }, readState(record.snapshot, record.id), events);
}

function talkedOut(incident: string): AllclearError {
  return new AllclearError('E_LIMIT', {
    what: `the time line of incident ${incident} is nearly full: it takes only what brings it to its end`,
    next: 'Resolve, escalate or close it.',
  });
}
