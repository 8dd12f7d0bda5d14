import { createHash } from 'node:crypto';
import { AllclearError } from '../kernel/index.ts';
import type { BlockLanguage, Risk, Step } from '../runbook/index.ts';
import type { Surroundings } from './model.ts';

/** Seconds a block may take when it does not say. */
const DEFAULT_STEP_TIMEOUT = 300;

/** A step exactly as it would run: what an approval is about. */
export interface RenderedStep {
  readonly index: number;
  readonly title: string;
  readonly prose: string;
  readonly manual: boolean;
  readonly risk: Risk;
  readonly blocks: readonly RenderedBlock[];
  /** SHA-256, hex, over languages, commands, time-outs, risk, and the parameters' names and values. */
  readonly hash: string;
}

export interface RenderedBlock {
  readonly language: BlockLanguage;
  readonly command: string;
  readonly timeoutSeconds: number;
}

/** Somebody's word that this very step may run. */
export interface Approval {
  /** The hash of the rendered step that was shown. */
  readonly hash: string;
  /** Who: nobody when a policy approved, two people for a disruptive step. */
  readonly by: readonly string[];
  readonly how: 'person' | 'policy' | 'option';
  /** Epoch ms. */
  readonly expiresAt: number;
}

/** @param surroundings of their environment, the names and values of `PARAM_*` and `LABEL_*` count */
export function renderStep(step: Step, surroundings: Pick<Surroundings, 'env'>): RenderedStep {
  const blocks = step.blocks.map((block) => ({
    language: block.language,
    command: block.command,
    timeoutSeconds: block.timeout ?? DEFAULT_STEP_TIMEOUT,
  }));
  return {
    index: step.index,
    title: step.title,
    prose: step.prose,
    manual: step.manual,
    risk: step.risk,
    blocks,
    hash: sha256(
      JSON.stringify({
        risk: step.risk,
        blocks: blocks.map((block) => [block.language, block.command, block.timeoutSeconds]),
        // A manual step has nothing but its words.
        words: step.manual ? [step.title, step.prose] : null,
        parameters: parametersOf(surroundings),
      }),
    ),
  };
}

/** Names and hashed values, in order of name. The values may be secret; the hash of the whole is stored. */
function parametersOf(surroundings: Pick<Surroundings, 'env'>): [string, string][] {
  return Object.entries(surroundings.env)
    .filter(([name]) => name.startsWith('PARAM_') || name.startsWith('LABEL_'))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => [name, sha256(value)]);
}

/** @throws `E_APPROVAL_STALE` when the approval is about another rendering, or has expired */
export function requireApproval(step: RenderedStep, approval: Approval, now: number): void {
  if (approval.hash !== step.hash) {
    throw new AllclearError('E_APPROVAL_STALE', {
      what: `step ${step.index} "${step.title}" is not what was approved: its command or its parameters have changed`,
      next: 'Look at it again and approve it as it is now.',
    });
  }
  if (now >= approval.expiresAt) {
    throw new AllclearError('E_APPROVAL_STALE', {
      what: `the approval of step ${step.index} "${step.title}" has expired`,
      next: 'Approve it again.',
    });
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
