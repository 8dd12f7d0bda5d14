/** What comes next for an incident. */
import type { Waiting } from './waiting.ts';

/** What a worker is to do. */
export type PlannedWork =
  | { readonly kind: 'diagnose' }
  | {
      readonly kind: 'step';
      /** From 1. */
      readonly step: number;
      /** From 0. */
      readonly block: number;
      /** Of the rendered step (`renderStep`), as it was approved. */
      readonly hash: string;
      /** Epoch ms: it is not begun after this. */
      readonly expiresAt: number;
    }
  | { readonly kind: 'verify' };

/** At most one of both. Neither while a step runs, and when the incident is over. */
export interface Plan {
  readonly work: PlannedWork | null;
  readonly waiting: Waiting | null;
}
