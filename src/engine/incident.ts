/**
 * The life of an incident as a state machine: which states there are, and which event leads where.
 * Drawn in docs/lifecycle.md.
 *
 * - **open**: entered when an alert or a person opens it; left when diagnosis starts.
 * - **diagnosing**: the runbook's read-only checks run; entered again when a diagnosis was interrupted
 *   or is repeated; left with a verdict. No timer: every check has its own time-out.
 * - **confirmed**, **inconclusive**, **ruled-out**: the verdict stands; left when somebody decides to
 *   remediate, to diagnose again, to verify (as when its alerts have resolved), to escalate, or (not when
 *   confirmed) to close. An inconclusive verdict becomes another when a person answers what no output could.
 * - **remediating**: steps are approved and run; `round` counts from 1 and grows each time verify
 *   sends the incident back. Left when verification starts.
 * - **verifying**: the Verify checks loop; left with `verified` or, when their time is over, back to
 *   remediating; `back` is set where nobody remediates: then it leads back to that state. Entered again when
 *   a verification was interrupted.
 * - **resolved**: verify held. Left when somebody closes it.
 * - **closed**: the end. Nothing leads out; a new alert opens a new incident.
 * - **escalated**: handed to somebody else, from any open state; left when they take up the work.
 */
import { z } from 'zod';
import { AllclearError } from '../kernel/index.ts';
import type { VerdictKind } from './model.ts';

const verdictState = { why: z.string() };
const round = z.int().min(1);

const confirmed = z.object({ state: z.literal('confirmed'), ...verdictState });
const inconclusive = z.object({ state: z.literal('inconclusive'), ...verdictState });
const ruledOut = z.object({ state: z.literal('ruled-out'), ...verdictState });
const escalated = z.object({ state: z.literal('escalated'), from: z.string(), why: z.string() });
const back = z.discriminatedUnion('state', [confirmed, inconclusive, ruledOut, escalated]);

const snapshot = z.discriminatedUnion('state', [
  z.object({ state: z.literal('open') }),
  z.object({ state: z.literal('diagnosing') }),
  confirmed,
  inconclusive,
  ruledOut,
  z.object({ state: z.literal('remediating'), round }),
  z.object({ state: z.literal('verifying'), round, back: back.optional() }),
  z.object({ state: z.literal('resolved'), why: z.string() }),
  z.object({ state: z.literal('closed'), why: z.string() }),
  escalated,
]);

export type IncidentState = Readonly<z.infer<typeof snapshot>>;
type IncidentStateName = IncidentState['state'];

export const incidentStates = snapshot.options.map((option) => option.shape.state.value);

/** What moves an incident. Each becomes an event on its time line, of the same name. */
export type IncidentMove =
  | { readonly kind: 'diagnosis-started' }
  | { readonly kind: 'verdict-reached'; readonly verdict: VerdictKind; readonly why: string }
  | { readonly kind: 'remediation-started' }
  | { readonly kind: 'verification-started' }
  | { readonly kind: 'verified'; readonly why: string }
  | { readonly kind: 'not-verified'; readonly why: string }
  | { readonly kind: 'escalated'; readonly why: string }
  | { readonly kind: 'closed'; readonly why: string };

type IncidentMoveKind = IncidentMove['kind'];

/** Which moves each state allows. */
const allowed: Readonly<Record<IncidentStateName, readonly IncidentMoveKind[]>> = {
  open: ['diagnosis-started', 'escalated', 'closed'],
  diagnosing: ['diagnosis-started', 'verdict-reached', 'escalated'],
  confirmed: ['diagnosis-started', 'remediation-started', 'verification-started', 'escalated'],
  inconclusive: [
    'diagnosis-started',
    'verdict-reached',
    'remediation-started',
    'verification-started',
    'escalated',
    'closed',
  ],
  'ruled-out': ['diagnosis-started', 'remediation-started', 'verification-started', 'escalated', 'closed'],
  remediating: ['diagnosis-started', 'verification-started', 'escalated'],
  verifying: ['verification-started', 'verified', 'not-verified', 'escalated'],
  resolved: ['closed'],
  closed: [],
  escalated: ['diagnosis-started', 'remediation-started', 'verification-started', 'closed'],
};

/** Resolved and closed incidents are over: a new alert opens a new one. */
export function isOver(
  state: IncidentState,
): state is Extract<IncidentState, { state: 'resolved' | 'closed' }> {
  return state.state === 'resolved' || state.state === 'closed';
}

/**
 * The state after `move`.
 * @throws `E_TRANSITION` when the state does not allow it
 */
export function transition(state: IncidentState, move: IncidentMove): IncidentState {
  if (!allowed[state.state].includes(move.kind)) throw illegal(state, move);
  switch (move.kind) {
    case 'diagnosis-started':
      return { state: 'diagnosing' };
    case 'verdict-reached':
      return { state: move.verdict, why: move.why };
    case 'remediation-started':
      return { state: 'remediating', round: 1 };
    case 'verification-started':
      return verifyingFrom(state);
    case 'verified':
      return { state: 'resolved', why: move.why };
    case 'not-verified':
      return 'back' in state && state.back ? state.back : { state: 'remediating', round: roundOf(state) + 1 };
    case 'escalated':
      return { state: 'escalated', from: state.state, why: move.why };
    case 'closed':
      return { state: 'closed', why: move.why };
  }
}

function verifyingFrom(state: IncidentState): IncidentState {
  switch (state.state) {
    case 'verifying':
      return state;
    case 'confirmed':
    case 'inconclusive':
    case 'ruled-out':
    case 'escalated':
      return { state: 'verifying', round: 1, back: state };
    default:
      return { state: 'verifying', round: roundOf(state) };
  }
}

function roundOf(state: IncidentState): number {
  return 'round' in state ? state.round : 1;
}

const inWords: Readonly<Record<IncidentMoveKind, string>> = {
  'diagnosis-started': 'be diagnosed',
  'verdict-reached': 'get a verdict',
  'remediation-started': 'be remediated',
  'verification-started': 'be verified',
  verified: 'become resolved',
  'not-verified': 'fail its verification',
  escalated: 'be escalated',
  closed: 'be closed',
};

function illegal(state: IncidentState, move: IncidentMove): AllclearError {
  const possible = allowed[state.state];
  return new AllclearError('E_TRANSITION', {
    what: `an incident that is ${state.state} cannot ${inWords[move.kind]}`,
    next:
      possible.length === 0
        ? 'It is over; a new alert or run opens a new one.'
        : `What it can do now: ${possible.map((kind) => inWords[kind]).join(', ')}.`,
  });
}

/**
 * A state as it was stored.
 * @throws `E_SNAPSHOT` when it is not one
 */
export function readState(stored: unknown, incident: string): IncidentState {
  const result = snapshot.safeParse(stored);
  if (result.success) return result.data;
  throw new AllclearError('E_SNAPSHOT', {
    what: `the stored state of incident ${incident} cannot be understood`,
    next: 'It was written by another version or changed by hand; its time line is still there.',
    cause: result.error,
  });
}
