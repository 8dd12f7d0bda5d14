/** Alert rules from files or a running Prometheus, held against a library of runbooks; and whether links answer. */
import { type Coverage, coverageOf, type DeadLink, isWebLink } from '../intake/index.ts';
import { systemClock } from '../kernel/index.ts';
import { PrometheusSource } from '../metrics/index.ts';
import type { AlertRule } from '../runbook/index.ts';
import { openLibrary } from './library.ts';
import { readAlertRules } from './read-alert-rules.ts';

export interface CoverageRequest {
  /** URL; its loaded rules count beside those of the files. */
  readonly prometheus: string | null;
  readonly rules: readonly string[];
  /** Files and folders; none: `./runbooks` when there is one, else the shipped ones. */
  readonly runbooks: readonly string[];
  /** Links that begin with it lead to the library. */
  readonly prefix?: string | undefined;
  readonly checkLinks: boolean;
  readonly cwd: string;
  readonly signal: AbortSignal;
}

/** Errors: those of reading rules and runbooks, and of asking Prometheus. */
export async function gatherCoverage(request: CoverageRequest): Promise<Coverage> {
  const { cwd, signal, prefix } = request;
  const rules = [...(await readAlertRules(request.rules, cwd)), ...(await loadedRules(request))];
  const library = await openLibrary({ paths: request.runbooks, cwd, clock: systemClock, log: () => {} });
  library.close();
  const coverage = coverageOf(rules, library.list(), prefix);
  if (!request.checkLinks) return coverage;
  const dead = await deadWebLinks(rules, signal);
  const unanswered: DeadLink[] = rules.flatMap(({ name, runbookUrl: link, file }) => {
    const why = link === null ? undefined : dead.get(link);
    return link === null || why === undefined ? [] : [{ alert: name, link, file, why, runbook: null }];
  });
  return { ...coverage, deadLinks: [...coverage.deadLinks, ...unanswered] };
}

async function loadedRules({ prometheus, signal }: CoverageRequest): Promise<AlertRule[]> {
  if (prometheus === null) return [];
  const loaded = await new PrometheusSource({ url: prometheus }).alertRules(signal);
  return loaded.map(({ name, annotations, file }) => ({
    name,
    runbookUrl: annotations['runbook_url'] || annotations['runbook'] || null,
    file,
  }));
}

/** Pages asked at a time, in all, and for how long each. */
const CONCURRENCY = 4;
const MAX_LINKS = 1_000;
const TIMEOUT_MS = 10_000;

/** Why the page of a link does not answer, by link. */
async function deadWebLinks(rules: readonly AlertRule[], signal: AbortSignal): Promise<Map<string, string>> {
  const links = new Set(rules.flatMap(({ runbookUrl: link }) => (link && isWebLink(link) ? [link] : [])));
  const left = [...links].slice(0, MAX_LINKS);
  const dead = new Map<string, string>();
  const work = async () => {
    for (let link = left.pop(); link !== undefined; link = left.pop()) {
      const why = await whyDead(link, signal);
      if (why !== null) dead.set(link, why);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return dead;
}

async function whyDead(link: string, signal: AbortSignal): Promise<string | null> {
  // Some servers know no HEAD: only what GET says counts against a page.
  const head = await statusOf('HEAD', link, signal);
  const status = typeof head === 'number' && head < 400 ? head : await statusOf('GET', link, signal);
  signal.throwIfAborted();
  if (typeof status === 'string') return status;
  // 401 and 403: there is a page, and it is not for everybody.
  return status < 400 || status === 401 || status === 403 ? null : `answers ${status}`;
}

async function statusOf(method: string, link: string, signal: AbortSignal): Promise<number | string> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await fetch(link, { method, signal: AbortSignal.any([signal, timeout]) });
    await response.body?.cancel();
    return response.status;
  } catch {
    return timeout.aborted ? `does not answer within ${TIMEOUT_MS / 1000} s` : 'does not answer';
  }
}
