/** `allclear incidents approve`: shows what would run, asks, and approves exactly what it has shown. */
import { actionBody, wholeId } from '../../app/incident-desk.ts';
import { withIncidentDesk } from '../../app/open-incident-desk.ts';
import type { IncidentView } from '../../engine/index.ts';
import { AllclearError, oneLine } from '../../kernel/index.ts';
import { stepToApprove } from '../incident-view.ts';
import type { Io } from '../io.ts';
import { painter } from '../paint.ts';
import { type Prompter, terminalPrompter } from '../prompter.ts';
import { printDone, type RemoteOptions } from './incident-action.ts';

export interface ApproveOptions extends RemoteOptions {
  readonly yes?: boolean;
}

/** @param prompter asks; null where nobody can be asked */
export async function incidentApproveCommand(
  given: string,
  number: string,
  { server, json, yes }: ApproveOptions,
  io: Io,
  prompter: Prompter | null = io.interactive ? terminalPrompter(io) : null,
): Promise<number> {
  const done = await withIncidentDesk({ ...io, server }, async (desk) => {
    const id = await wholeId(desk, given);
    const before = await desk.view(id);
    const step = stepOf(before, number);
    if (!json) io.err(stepToApprove(step, before, painter(io)));
    if (!yes) await requireConsent(step, prompter);
    // The hash of what was shown: had the step changed meanwhile, the approval would be refused.
    return desk.act(id, 'approve', actionBody('approve', { step: step.index, hash: step.approvalHash }));
  });
  printDone(done, json === true, io);
  return 0;
}

type Step = IncidentView['steps'][number];

function stepOf({ steps, id }: IncidentView, number: string): Step {
  const step = steps.find(({ index }) => String(index) === number);
  if (step) return step;
  throw new AllclearError('E_NOT_FOUND', {
    what: `incident ${id} has no step ${oneLine(number, 20)}`,
    next: steps.length === 0 ? 'It has no runbook with steps.' : `Its steps are 1 to ${steps.length}.`,
  });
}

async function requireConsent(step: Step, prompter: Prompter | null): Promise<void> {
  if (!prompter) {
    throw new AllclearError('E_APPROVAL_NEEDED', {
      what: 'nobody is there to be asked',
      next: 'Run it at a terminal, or add --yes once you have read the commands above.',
    });
  }
  const sure = await prompter.confirm(
    `Approve step ${step.index} (${step.risk})?`,
    step.risk !== 'disruptive',
  );
  if (!sure) throw new AllclearError('E_CANCELLED', { what: `step ${step.index} was not approved` });
}
