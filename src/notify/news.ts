/** Which changes of an incident are news, and what makes them so. */
import type { AppendedEvent, ApprovalWanted, Change, EventData } from '../engine/index.ts';

/** What a target can be told about. */
export const matters = ['opened', 'verdict', 'approval-wanted', 'resolved', 'escalated'] as const;
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
  /** `verified` is false when it was closed without its Verify having passed. */
  | { readonly about: 'resolved'; readonly verified: boolean; readonly why: string }
  | { readonly about: 'escalated'; readonly why: string };

export interface News {
  /** Number of the event that it tells of. */
  readonly seq: number;
  /** The same meaning as the last news about the matter is no news. */
  readonly meaning: string;
  readonly said: Said;
}

/**
 * The news in a change, in order. A verdict is news when it differs from the one before, an approval once for
 * each run of a step, the end once; an escalation always.
 * @param runbook that the incident goes by after the change: its verdicts mean something else than another's
 */
export function newsOf(change: Change, runbook: string): News[] {
  const news = change.events.map((event) => eventNews(event, runbook)).filter((one) => one !== null);
  return [...news, ...approvalNews(change, runbook)];
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

function approvalNews({ approvalWanted: approval, events }: Change, runbook: string): News[] {
  const last = events.at(-1);
  if (approval === null || last === undefined) return [];
  const meaning = `${runbook} step ${approval.step}, run ${approval.run}`;
  return [{ seq: last.seq, meaning, said: { about: 'approval-wanted', approval } }];
}
