/** Where tests find runbooks that other people wrote. They are not part of this repository. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const repo = join(import.meta.dirname, '..', '..');
const shared = process.env['ALLCLEAR_SHARED'] ?? join(repo, '..', 'shared');

export interface CorpusFile {
  readonly path: string;
  readonly source: string;
}

/** The prometheus-operator runbooks; empty, with a notice, where they are missing (an error on CI). */
export function corpusRunbooks(): CorpusFile[] {
  const folder = join(shared, 'corpora', 'prometheus-operator');
  if (!isPresent(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .toSorted()
    .map((path) => ({ path, source: readFileSync(join(folder, path), 'utf8') }));
}

/** The reference runbook of the session storm; null where it is missing. */
export function referenceRunbook(): CorpusFile | null {
  const path = join(shared, 'mission', 'session-storm.md');
  return isPresent(path) ? { path: 'session-storm.md', source: readFileSync(path, 'utf8') } : null;
}

function isPresent(path: string): boolean {
  if (existsSync(path)) return true;
  if (process.env['CI']) throw new Error(`${path} is missing: set ALLCLEAR_SHARED`);
  process.stderr.write(`skipped: ${path} is missing (set ALLCLEAR_SHARED)\n`);
  return false;
}
