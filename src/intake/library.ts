import type { Alert } from '../metrics/index.ts';
import type { Runbook } from '../runbook/index.ts';

/**
 * The runbook that an alert points to: by its `runbook_url` or `runbook` annotation (the last part of
 * the path is a runbook's id, in any case), else by the alert names in a runbook's front matter.
 */
export function findRunbook(alert: Alert, runbooks: readonly Runbook[]): Runbook | null {
  const link = alert.annotations['runbook_url'] ?? alert.annotations['runbook'];
  const id = link === undefined ? null : idOfLink(link);
  const linked = id === null ? undefined : runbooks.find((runbook) => runbook.id.toLowerCase() === id);
  if (linked) return linked;
  const name = alert.labels['alertname'];
  return runbooks.find((runbook) => name !== undefined && runbook.frontMatter.alerts.includes(name)) ?? null;
}

/** `https://host/runbooks/Session-Storm.md#fix` → `session-storm`; annotations are untrusted, any text may come. */
function idOfLink(link: string): string | null {
  const path = link.trim().split(/[?#]/, 1)[0]!.replace(/\/+$/, '');
  const last = path.slice(path.lastIndexOf('/') + 1).toLowerCase();
  const id = last.replace(/\.(md|markdown|html?)$/, '');
  return id === '' ? null : id;
}
