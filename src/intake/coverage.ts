/** Which alerts lead to a runbook, and which runbooks an alert leads to. */
import type { AlertRule, Runbook } from '../runbook/index.ts';
import { findRunbook, idOfLink } from './library.ts';

/** An alert, and where its link leads if it leads anywhere. */
export interface AlertCoverage {
  readonly alert: string;
  readonly link: string | null;
  /** The rule file, as given or as Prometheus names it. */
  readonly file: string;
}

export interface DeadLink extends AlertCoverage {
  readonly link: string;
  readonly why: string;
  /** The runbook that the alert leads to all the same, because it names the alert. */
  readonly runbook: string | null;
}

export interface Coverage {
  readonly alerts: number;
  readonly runbooks: number;
  /** Alerts that lead to a runbook of the library: one that can run. */
  readonly covered: number;
  readonly noRunbook: readonly AlertCoverage[];
  readonly deadLinks: readonly DeadLink[];
  /** Alerts whose link leads to a page outside the library: it can be read, and nothing of it runs. */
  readonly elsewhere: readonly (AlertCoverage & { readonly link: string })[];
  readonly noAlert: readonly { readonly runbook: string; readonly file: string }[];
}

/**
 * Compares alert rules with a library of runbooks, by the same rules as the intake.
 * @param prefix links that begin with it are the library's, as made by `allclear rules --prefix`
 */
export function coverageOf(
  rules: readonly AlertRule[],
  runbooks: readonly Runbook[],
  prefix?: string,
): Coverage {
  const noRunbook: AlertCoverage[] = [];
  const deadLinks: DeadLink[] = [];
  const elsewhere: (AlertCoverage & { link: string })[] = [];
  const used = new Set<Runbook>();
  let covered = 0;
  for (const { name, runbookUrl: link, file } of rules) {
    const about = { alert: name, link, file };
    const found = findRunbook(
      { labels: { alertname: name }, annotations: link === null ? {} : { runbook_url: link } },
      runbooks,
    );
    if (found) {
      covered++;
      used.add(found);
    }
    if (link !== null && !leadsTo(link, found)) {
      const own = !isWebLink(link) || (prefix !== undefined && link.startsWith(prefix));
      if (own) deadLinks.push({ ...about, link, why: 'no such runbook', runbook: found?.id ?? null });
      else if (!found) elsewhere.push({ ...about, link });
    }
    if (link === null && !found) noRunbook.push(about);
  }
  const noAlert = runbooks
    .filter((runbook) => !used.has(runbook))
    .map(({ id, file }) => ({ runbook: id, file }));
  return {
    alerts: rules.length,
    runbooks: runbooks.length,
    covered,
    noRunbook,
    deadLinks,
    elsewhere,
    noAlert,
  };
}

/** True when something is missing; links that lead elsewhere are not. */
export function hasGaps({ noRunbook, deadLinks, noAlert }: Coverage): boolean {
  return noRunbook.length + deadLinks.length + noAlert.length > 0;
}

export function isWebLink(link: string): boolean {
  return /^https?:\/\//i.test(link.trim());
}

function leadsTo(link: string, runbook: Runbook | null): boolean {
  return runbook !== null && idOfLink(link) === runbook.id.toLowerCase();
}
