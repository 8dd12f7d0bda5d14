/** Which changes of an incident are news, and what makes them so. */
import type { AppendedEvent, Change, EventData, Waiting } from '../engine/index.ts';

/** What a target can be told about. */
export const matters = [
  'opened',
  'verdict',
  'approval-wanted',
  'decision-wanted',
  'resolved',
  'escalated',
] as const;
export type Matter = (typeof matters)[number];

/** What each matter says beyond the incident itself. */
export type Said =
  | { readonly about: 'opened' }
  | {
      readonly about: 'verdict';
      readonly verdict: EventData<'verdict-reached'>['verdict'];
      readonly why: string;
    }
  | { readonly about: 'approval-wanted'; readonly approval: ApprovalWanted }
  /** Nothing goes on until a person decides, answers or does something; `what` says it. */
  | { readonly about: 'decision-wanted'; readonly step: number | null; readonly what: string }
  /** `verified` is false when it was closed without its Verify having passed. */
  | { readonly about: 'resolved'; readonly verified: boolean; readonly why: string }
  | { readonly about: 'escalated'; readonly why: string };

export interface ApprovalWanted {
  readonly step: number;
  readonly title: string;
  readonly risk: string;
  /** How many different people have approved, and must. */
  readonly have: number;
  readonly need: number;
}

export interface News {
  /** Number of the event that it tells of. */
  readonly seq: number;
  /** The same meaning as the last news about the matter is no news. */
  readonly meaning: string;
  readonly said: Said;
}

/**
 * The news in a change, in order. A verdict is news when it differs from the one before, what is wanted of people
 * once for each run of a step, the end once; an escalation always.
 * @param runbook that the incident goes by after the change: its verdicts mean something else than another's
 */
export function newsOf(change: Change, runbook: string): News[] {
  const news = change.events.map((event) => eventNews(event, runbook)).filter((one) => one !== null);
  const wanted = wantedNews(change, runbook);
  return wanted ? [...news, wanted] : news;
}

function eventNews(event: AppendedEvent, runbook: string): News | null {
  const { seq } = event;
  switch (event.kind) {
    case 'opened':
      return { seq, meaning: 'opened', said: { about: 'opened' } };
    case 'verdict-reached': {
      const { verdict, why } = event.data;
      return { seq, meaning: `${runbook} ${verdict}`, said: { about: 'verdict', verdict, why } };
    }
    case 'verified':
      return { seq, meaning: 'over', said: { about: 'resolved', verified: true, why: event.data.why } };
    case 'closed':
      return { seq, meaning: 'over', said: { about: 'resolved', verified: false, why: event.data.why } };
    case 'escalated':
      return { seq, meaning: `event ${seq}`, said: { about: 'escalated', why: event.data.why } };
    default:
      return null;
  }
}

function wantedNews({ waiting, events }: Change, runbook: string): News | null {
  const seq = events.at(-1)?.seq;
  const said = waiting && saidOf(waiting);
  if (!said || seq === undefined) return null;
  // Every failed verification asks anew, and only once, whatever else is written down meanwhile.
  if (waiting.kind === 'proposal' && !events.some(({ kind }) => kind === 'not-verified')) return null;
  return { seq, meaning: `${runbook} ${wantedMeaning(waiting, seq)}`, said };
}

/** The same step wanted in a later run is wanted anew. */
function wantedMeaning(waiting: Waiting, seq: number): string {
  switch (waiting.kind) {
    case 'approval':
      return `step ${waiting.step}, run ${waiting.run}`;
    case 'begin':
      return `step ${waiting.next?.step}, run ${waiting.next?.run}`;
    case 'decision':
      return `${waiting.about} ${waiting.step}.${waiting.block}.${waiting.attempt}`;
    case 'manual':
      return `manual ${waiting.step}`;
    case 'answer':
      return `answer ${waiting.section} ${waiting.check}`;
    default:
      return `${waiting.kind} ${seq}`;
  }
}

/** What people are asked for; null where the verdict already says all. */
function saidOf(waiting: Waiting): Extract<Said, { about: 'approval-wanted' | 'decision-wanted' }> | null {
  switch (waiting.kind) {
    case 'approval':
      return { about: 'approval-wanted', approval: approvalOf(waiting) };
    case 'begin': {
      const { verdict, next } = waiting;
      const known = verdict === 'confirmed' && next !== null && !next.manual;
      return known ? { about: 'approval-wanted', approval: approvalOf(next) } : null;
    }
    case 'manual': {
      const what = `step ${waiting.step} (${waiting.title}) is for a person to carry out and report`;
      return { about: 'decision-wanted', step: waiting.step, what };
    }
    case 'decision': {
      const how =
        waiting.about === 'unknown' ? 'was interrupted: whether it took effect is unknown' : 'failed';
      return {
        about: 'decision-wanted',
        step: waiting.step,
        what: `step ${waiting.step} (${waiting.title}) ${how}`,
      };
    }
    case 'answer':
      return { about: 'decision-wanted', step: null, what: `a question is open: ${waiting.question}` };
    case 'proposal':
      return {
        about: 'decision-wanted',
        step: waiting.next?.step ?? null,
        what: `Verify failed. ${waiting.why}`,
      };
    // Both are told by other news: opened, escalated.
    case 'runbook':
    case 'take-up':
      return null;
  }
}

function approvalOf(
  given: Extract<Waiting, { kind: 'approval' }> | NonNullable<Extract<Waiting, { kind: 'begin' }>['next']>,
): ApprovalWanted {
  const { step, title, risk, have, need } = given;
  return { step, title, risk, have: have.length, need };
}
