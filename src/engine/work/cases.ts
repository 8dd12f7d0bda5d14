import { parseRunbook, type Runbook } from '../../runbook/index.ts';
import { findIncidents, findRunbookVersion, type Reader } from '../../store/index.ts';
import type { Case } from './ports.ts';

/** Texts of runbooks never change under their hash: a few are kept parsed. */
const KEPT = 200;
const parsed = new Map<string, Runbook>();

/** The incidents with the runbooks they began with, by id; those that are not there are left out. */
export async function readCases(db: Reader, incidents: readonly string[]): Promise<Map<string, Case>> {
  const cases = new Map<string, Case>();
  for (const incident of await findIncidents(db, incidents)) {
    const { id, runbookHash } = incident;
    cases.set(id, { incident, runbook: runbookHash === null ? null : await versionOf(db, runbookHash) });
  }
  return cases;
}

async function versionOf(db: Reader, hash: string): Promise<Runbook | null> {
  const known = parsed.get(hash);
  if (known) return known;
  const version = await findRunbookVersion(db, hash);
  if (!version) return null;
  const runbook = parseRunbook(version.source, version.file);
  if (parsed.size >= KEPT) parsed.clear();
  parsed.set(hash, runbook);
  return runbook;
}

/** The step's title, as its events name it. */
export function titleOf({ runbook }: Case, step: number): string {
  return runbook?.steps.find(({ index }) => index === step)?.title ?? `step ${step}`;
}
