/** What a worker does to diagnose an incident of the service. */
import { concludeDiagnosis, type Desk, type Diagnose, diagnose } from '../engine/index.ts';
import { AllclearError } from '../kernel/index.ts';

/** Runs the checks of the linked runbook. */
export function diagnoseIncident({ clock }: Pick<Desk, 'clock'>): Diagnose {
  return async ({ incident, runbook }, surroundings, signal) => {
    if (!runbook) throw new AllclearError('E_NOT_FOUND', { what: `incident ${incident.id} has no runbook` });
    const found = await diagnose(runbook, surroundings, { signal });
    return (page) => concludeDiagnosis(page, { runbook, surroundings: { clock } }, found);
  };
}
