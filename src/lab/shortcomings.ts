import type { DrillResult } from './drill-model.ts';
import { isRecovered } from './fleet-view.ts';

/** What a rehearsal must show to prove its runbook, and this one did not; one sentence each. */
export function shortcomingsOf(
  found: Pick<
    DrillResult,
    | 'control'
    | 'alert'
    | 'diagnosis'
    | 'verifyBeforeFix'
    | 'steps'
    | 'verified'
    | 'clients'
    | 'others'
    | 'words'
  >,
): string[] {
  const { control, alert, diagnosis, verifyBeforeFix, verified, clients, others, words } = found;
  const recovered = isRecovered({ connected: clients.recovered, total: clients.total });
  const said: string[] = [];
  if (control.verdict !== 'ruled-out') {
    said.push(`on the healthy system the runbook says ${control.verdict}, not ruled-out`);
  }
  if (!alert) {
    said.push('no alert of the runbook fired');
    if (recovered) {
      said.push(`the clients recovered by themselves, so the failure was too small: ${words.tooSmall}`);
    }
    return said;
  }
  if (alert.runbook_url === '') said.push(`the alert ${alert.name} has no runbook_url`);
  if (diagnosis?.verdict !== 'confirmed') {
    said.push(`during the failure the runbook says ${diagnosis?.verdict ?? 'nothing'}, not confirmed`);
    return said;
  }
  if (verifyBeforeFix === 'passed')
    said.push('Verify passes during the failure, so it proves nothing afterwards');
  for (const step of found.steps)
    if (step.outcome !== 'done') said.push(`step "${step.title}" was ${step.outcome}`);
  if (!verified) said.push('the fix was not verified');
  if (!recovered) {
    said.push(`only ${clients.recovered} of ${clients.total} clients have ${words.having} again`);
  }
  for (const { runbook, verdict } of others) {
    if (verdict !== 'ruled-out')
      said.push(`the runbook ${runbook} says ${verdict} of a failure that is not its own`);
  }
  return said;
}
