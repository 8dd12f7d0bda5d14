import type { Alert } from '../metrics/index.ts';
import type { Runbook } from '../runbook/index.ts';

/** Runbooks by what alerts say of them; of two with the same id or alert name the first one counts. */
interface Catalogue {
  readonly byId: ReadonlyMap<string, Runbook>;
  readonly byAlert: ReadonlyMap<string, Runbook>;
}

const catalogues = new WeakMap<readonly Runbook[], Catalogue>();

/**
 * The runbook that an alert points to: by its `runbook_url` or `runbook` annotation (the last part of
 * the path is a runbook's id, in any case), else by the alert names in a runbook's front matter.
 * @param runbooks made once, and another array when they change: what is found in it is remembered
 */
export function findRunbook(
  alert: Pick<Alert, 'labels' | 'annotations'>,
  runbooks: readonly Runbook[],
): Runbook | null {
  const { byId, byAlert } = catalogueOf(runbooks);
  const link = alert.annotations['runbook_url'] || alert.annotations['runbook'];
  const id = link ? idOfLink(link) : null;
  const linked = id === null ? undefined : byId.get(id);
  return linked ?? byAlert.get(alert.labels['alertname'] ?? '') ?? null;
}

/** `https://host/runbooks/Session-Storm.md#fix` → `session-storm`; annotations are untrusted, any text may come. */
export function idOfLink(link: string): string | null {
  const path = link.trim().split(/[?#]/, 1)[0]!;
  let end = path.length;
  while (path[end - 1] === '/') end--;
  const last = path.slice(path.lastIndexOf('/', end - 1) + 1, end).toLowerCase();
  const id = last.replace(/\.(md|markdown|html?)$/, '');
  return id === '' ? null : id;
}

function catalogueOf(runbooks: readonly Runbook[]): Catalogue {
  const known = catalogues.get(runbooks);
  if (known) return known;
  const byId = new Map<string, Runbook>();
  const byAlert = new Map<string, Runbook>();
  for (const runbook of runbooks) {
    setFirst(byId, runbook.id.toLowerCase(), runbook);
    for (const name of runbook.frontMatter.alerts) setFirst(byAlert, name, runbook);
  }
  const catalogue = { byId, byAlert };
  catalogues.set(runbooks, catalogue);
  return catalogue;
}

function setFirst(map: Map<string, Runbook>, key: string, runbook: Runbook): void {
  if (!map.has(key)) map.set(key, runbook);
}
