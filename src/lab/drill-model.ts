/**
 * What a drill reports.
 *
 * - **failure**: one failure mode that a lab can inject, with its runbook.
 * - **control**: the diagnosis of the healthy system; a runbook that fires there proves nothing.
 * - **untreated**: the same failure with no guard and no runbook, to see what it does by itself.
 */
import type { Judgement, TimelineEvent, Verdict, VerdictKind } from '../engine/index.ts';
import type { LabAccess, SceneWords, Work } from './scene.ts';

/** The contract of `allclear drill --json`. Seconds count from the injection. */
export interface DrillResult {
  readonly runbook: string;
  readonly control: { readonly verdict: VerdictKind };
  /** Null when no alert fired. */
  readonly alert: { readonly name: string; readonly runbook_url: string } | null;
  readonly diagnosis: {
    readonly verdict: VerdictKind;
    readonly why: string;
    readonly readings: readonly ReadingSummary[];
  } | null;
  readonly verifyBeforeFix: 'passed' | 'failed' | null;
  readonly steps: readonly { readonly title: string; readonly outcome: string }[];
  readonly verified: boolean;
  readonly clients: { readonly total: number; readonly lost: number; readonly recovered: number };
  /** The runbooks of the other failure modes; each should be ruled out. */
  readonly others: readonly { readonly runbook: string; readonly verdict: VerdictKind }[];
  readonly seconds: DrillSeconds;
  /** The incident's id in the store; null when none was opened. */
  readonly incident: string | null;
  /** The file that records the drill. */
  readonly record: string;
  /** The file with the proposed runbook. */
  readonly update: string | null;
  /** What a rehearsal must show and this one did not; empty when the runbook is proven. */
  readonly shortcomings: readonly string[];
  readonly beforeAfter: readonly BeforeAfterRow[];
  /** Clients that work, once a second from the injection. */
  readonly connected: readonly number[];
  readonly words: SceneWords;
}

/** Null where the drill did not get so far. `total` counts from the start of the drill. */
export interface DrillSeconds {
  readonly toAlert: number | null;
  readonly toVerdict: number | null;
  readonly toFix: number | null;
  readonly toVerified: number | null;
  readonly total: number;
}

export interface ReadingSummary {
  readonly check: string;
  readonly judgement: Judgement;
  readonly value: number | null;
}

/** What `allclear drill --no-guard --json` prints: the failure, and nobody doing anything. */
export interface UntreatedResult {
  readonly runbook: string;
  readonly untreated: true;
  // The contract of a drill, where nobody looked and nobody did anything.
  readonly control: null;
  readonly alert: null;
  readonly diagnosis: null;
  readonly verifyBeforeFix: null;
  readonly steps: readonly [];
  readonly verified: false;
  readonly others: readonly [];
  readonly incident: null;
  readonly record: null;
  readonly update: null;
  readonly clients: { readonly total: number; readonly lost: number; readonly recovered: number };
  readonly recovers: boolean;
  readonly work: Work;
  readonly words: SceneWords;
  readonly seconds: DrillSeconds & { readonly observed: number };
  /** Clients that work, once a second from the injection. */
  readonly connected: readonly number[];
}

/** What happens, as it happens, for a live view. */
export type DrillEvent =
  | {
      readonly kind: 'starting';
      readonly failure: string;
      /** The lab in a few words: `1,000 MCP clients, 10 ms of CPU for each initialize`. */
      readonly setting: string;
    }
  | {
      readonly kind: 'lab';
      readonly parts: string;
      readonly words: SceneWords;
      /** Null without a guard. */
      readonly guard: { readonly listen: string; readonly admin: string } | null;
      /** Something the reader should know, such as ports that were taken. */
      readonly notice: string | null;
    }
  | { readonly kind: 'fleet'; readonly connected: number; readonly total: number; readonly attempts: number }
  | { readonly kind: 'connected'; readonly connected: number }
  | { readonly kind: 'settling'; readonly seconds: number }
  | { readonly kind: 'control'; readonly verdict: Verdict }
  | { readonly kind: 'injected'; readonly what: string }
  /** What the runbook of another failure says of this one. */
  | { readonly kind: 'other'; readonly verdict: Verdict }
  | { readonly kind: 'alert'; readonly name: string; readonly summary: string; readonly runbookUrl: string }
  | { readonly kind: 'no-alert'; readonly waitedSeconds: number }
  /** An event of the incident's time line; `output` is what the step printed, for `step-ended`. */
  | { readonly kind: 'incident'; readonly event: TimelineEvent; readonly output: string }
  | { readonly kind: 'verifying'; readonly normal: number; readonly total: number }
  | { readonly kind: 'recovered'; readonly connected: number; readonly total: number }
  | { readonly kind: 'observing'; readonly seconds: number }
  /** The failure is live and nobody treats it. */
  | { readonly kind: 'practice'; readonly runbook: string; readonly access: LabAccess }
  | { readonly kind: 'stopped' };

/** The same check at three moments, as people read it. */
export interface BeforeAfterRow {
  readonly check: string;
  readonly healthy: string;
  readonly failing: string;
  readonly after: string;
}
