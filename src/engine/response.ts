/** What the main flow of an incident works with, and what it gives. */
import type { Risk, Runbook } from '../runbook/index.ts';
import type { Journal } from './journal.ts';
import type { Reading, ShellRequest, Surroundings, Verdict } from './model.ts';
import type { Operator } from './operator.ts';
import type { Levers } from './ports.ts';
import type { StepProgress } from './progress.ts';
import type { Approval } from './rendered-step.ts';
import type { Lease } from './step.ts';
import type { VerifyUntilOptions } from './verify.ts';

/** What may happen without asking, and how often. */
export interface Policy {
  /** Steps of these risks run without an approval. Default none. */
  readonly runAlone: readonly Risk[];
  /** How many different people must approve a step of each risk. */
  readonly approvers: Readonly<Record<Risk, number>>;
  /** Seconds an approval holds. */
  readonly approvalSeconds: number;
  /** Run Verify once after each step, and offer to stop when it already holds. */
  readonly verifyAfterEachStep: boolean;
  /** Run Verify once before the first step: it must fail, or it proves nothing afterwards. */
  readonly checkBeforeFix: boolean;
  /** Verifications before the incident is escalated by itself. */
  readonly maxRounds: number;
}

export const DEFAULT_POLICY: Policy = {
  runAlone: [],
  approvers: { safe: 1, reversible: 1, disruptive: 2 },
  approvalSeconds: 900,
  verifyAfterEachStep: false,
  checkBeforeFix: false,
  maxRounds: 20,
};

export interface Respond {
  readonly runbook: Runbook;
  readonly journal: Journal;
  readonly operator: Operator;
  readonly surroundings: Surroundings;
  /** Null: no guard is there whose levers could be held. */
  readonly levers: Levers | null;
  readonly policy: Policy;
  /** Names this program in leases: `host:pid`. */
  readonly worker: string;
  readonly lease?: Lease;
  readonly signal?: AbortSignal;
  readonly onReading?: (reading: Reading) => void;
  /** How patiently to verify, and who is told of each round. */
  readonly verifying?: Pick<VerifyUntilOptions, 'within' | 'pollSeconds' | 'onRound'>;
  readonly onOutput?: ShellRequest['onOutput'];
  /** Approvals given in this run, by step; one that is still good is not asked for again. */
  readonly approvals?: Map<number, Approval>;
}

/** Why the flow ended, for now or for good. */
export type Ending = 'resolved' | 'stopped' | 'escalated' | 'cancelled';

export interface Responded {
  readonly incident: string;
  readonly ended: Ending;
  /** One sentence. */
  readonly why: string;
  readonly verdict: Verdict | null;
  readonly verified: boolean;
  readonly steps: readonly StepProgress[];
}

/** Ends the flow; `null` means: go on with what the state calls for. */
export type Turn = { readonly ended: Ending; readonly why: string } | null;
