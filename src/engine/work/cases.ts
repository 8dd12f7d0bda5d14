import { findIncidents, type IncidentRecord, type Reader } from '../../store/index.ts';
import { keptRunbook } from '../desk/standing.ts';
import type { Case } from './ports.ts';

/** The incidents with the runbooks they began with, by id; those that are not there are left out. */
export async function readCases(db: Reader, incidents: readonly string[]): Promise<Map<string, Case>> {
  return casesOf(db, await findIncidents(db, incidents));
}

/** The same for incidents that were read before. */
export async function casesOf(db: Reader, incidents: readonly IncidentRecord[]): Promise<Map<string, Case>> {
  const cases = new Map<string, Case>();
  for (const incident of incidents) {
    cases.set(incident.id, { incident, runbook: await keptRunbook(db, incident) });
  }
  return cases;
}

/** The step's title, as its events name it. */
export function titleOf({ runbook }: Case, step: number): string {
  return runbook?.steps.find(({ index }) => index === step)?.title ?? `step ${step}`;
}
