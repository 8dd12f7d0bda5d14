/**
 * What people, agents and programs can do to an incident of the service, as data. The same schemas validate
 * requests and describe them in the OpenAPI document.
 */
import { z } from 'zod';
import type { Role } from './actor.ts';

const step = z.int().min(1).describe('The step, from 1, as the runbook counts them');
const why = z.string().trim().min(1).max(2_000).describe('One sentence, for those who read it later');

/** Bodies by the kind of action. */
export const actionBodies = {
  /** Run the read-only checks again. */
  diagnose: z.strictObject({}),
  /** One person's word that exactly this may run; `hash` is the step's `approvalHash` as shown. */
  approve: z.strictObject({ step, hash: z.string().regex(/^[0-9a-f]{64}$/) }),
  /** Takes back one's own approval of a step that has not begun. */
  withdraw: z.strictObject({ step }),
  skip: z.strictObject({ step, why }),
  /** About an interrupted or failed step: it took effect, run it again (after a new approval), or leave it out. */
  decide: z.strictObject({ step, decision: z.enum(['done', 'again', 'skip']), why: why.optional() }),
  /** A step that was done or skipped is to be done again. */
  reopen: z.strictObject({ step, why }),
  /** A manual step: what the person did. */
  report: z.strictObject({
    step,
    outcome: z.enum(['done', 'skipped']),
    note: z.string().max(4_000).default(''),
  }),
  /** To the question of a check that no output can answer. */
  answer: z.strictObject({ check: z.string().min(1).max(200), answer: z.enum(['yes', 'no', 'unknown']) }),
  /** Verify now, whatever steps are left. */
  verify: z.strictObject({}),
  note: z.strictObject({ text: z.string().trim().min(1).max(8_000) }),
  /** A command that somebody ran by hand: recorded, never run. */
  'ad-hoc': z.strictObject({
    command: z.string().trim().min(1).max(8_000),
    why: why.optional(),
    exit: z.int().min(0).max(255).optional(),
    output: z.string().max(64_000).optional(),
  }),
  /** Suggests a step; it still needs its approvals. */
  propose: z.strictObject({ step, why }),
  /** Goes on with another runbook of the library, as after a differential diagnosis. */
  adopt: z.strictObject({ runbook: z.string().min(1).max(200) }),
  assign: z.strictObject({ to: z.string().trim().min(1).max(200).nullable() }),
  escalate: z.strictObject({ why }),
  close: z.strictObject({ why }),
} as const;

export type ActionKind = keyof typeof actionBodies;
export type ActionBody<Kind extends ActionKind> = Named<z.output<(typeof actionBodies)[Kind]>>;

/** Without the index signature that an empty body has: nothing could be added to it. */
type Named<Body> = { [Key in keyof Body as string extends Key ? never : Key]: Body[Key] };

/** One action: its kind and its body. */
export type Action = { [Kind in ActionKind]: { readonly kind: Kind } & ActionBody<Kind> }[ActionKind];

/** The role each action needs. */
export const actionRoles: Readonly<Record<ActionKind, Role>> = {
  diagnose: 'responder',
  approve: 'approver',
  withdraw: 'approver',
  skip: 'responder',
  decide: 'responder',
  reopen: 'responder',
  report: 'responder',
  answer: 'responder',
  verify: 'responder',
  note: 'responder',
  'ad-hoc': 'responder',
  propose: 'responder',
  adopt: 'responder',
  assign: 'responder',
  escalate: 'responder',
  close: 'responder',
};
