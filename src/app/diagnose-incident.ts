/** What a worker does to diagnose an incident of the service: its runbook, and the others of the family. */
import {
  concludeFamily,
  type Desk,
  type Diagnose,
  diagnoseFamily,
  type FamilyLimits,
  incidentEnv,
  type Surroundings,
} from '../engine/index.ts';
import { AllclearError } from '../kernel/index.ts';
import { familyOf, type Runbook } from '../runbook/index.ts';

type From = Pick<Desk, 'clock' | 'library' | 'params'>;

/**
 * Runs the checks of the linked runbook as the incident keeps it, and of the library's runbooks of the same family
 * as they are now. Commands of each see the incident's labels and the parameters of their runbook.
 */
export function diagnoseIncident(desk: From, limits?: Partial<FamilyLimits>): Diagnose {
  return async ({ incident, runbook }, surroundings, signal) => {
    if (!runbook) throw new AllclearError('E_NOT_FOUND', { what: 'No runbook is linked to this incident' });
    const library = desk.library.list();
    const surroundingsOf = (other: Runbook): Surroundings => {
      requireParams(other, desk.params);
      const env = { ...withoutParams(surroundings.env), ...incidentEnv(other, incident.labels, desk.params) };
      return { ...surroundings, env };
    };
    const found = await diagnoseFamily({
      linked: runbook,
      others: othersOfFamily(runbook, library),
      surroundingsOf,
      limits,
      signal,
      left: library.length === 0 ? 'This worker has no library: no other runbook could be tried.' : null,
    });
    return (page) => concludeFamily(page, { runbook, surroundings: { clock: desk.clock } }, found);
  };
}

/** By where the library has it now: the version that the incident keeps may come from another folder. */
function othersOfFamily(linked: Runbook, library: readonly Runbook[]): Runbook[] {
  const isLinked = ({ id }: Runbook): boolean => id.toLowerCase() === linked.id.toLowerCase();
  const family = familyOf(library.find(isLinked) ?? linked);
  return library.filter((runbook) => !isLinked(runbook) && familyOf(runbook) === family);
}

/** A command without the value that it counts on may tell anything. */
function requireParams({ frontMatter }: Runbook, params: Desk['params']): void {
  const missing = frontMatter.params.find(
    (param) => param.default === null && !Object.hasOwn(params, param.name),
  );
  if (!missing) return;
  throw new AllclearError('E_USAGE', {
    what: `its parameter "${missing.name}" has no value`,
    next: 'Give it a default in the front matter, or a value in the configuration.',
  });
}

function withoutParams(env: Surroundings['env']): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('PARAM_')));
}
