import type { Lab } from '../lab.ts';
import { ReportingChild } from '../reporting-child.ts';
import {
  type DependencyCommand,
  type DependencyReport,
  dependencyOptionsSchema,
  dependencyReportSchema,
} from './messages.ts';

/** What the index does a second for each agent; the usual questions take half of it. */
const QUERIES_PER_SECOND_PER_AGENT = 0.2;
/** What a query takes, more or less: as much as makes the above come out with whole workers. */
const SERVICE_MS = 100;
const MIN_BULKHEAD = 4;

/** A running search index. */
export interface SearchIndex {
  /** Where it takes queries. */
  readonly url: string;
  /** Queries it works on at the same time. */
  readonly workers: number;
  readonly serviceMs: number;
  readonly perSecond: number;
  /** As many queries as it gets done in half a second: a good bound for calls in progress. */
  readonly bulkhead: number;
  /** At most a quarter of a second old. */
  readonly latest: DependencyReport;
  /** For `forMs`, each query that begins takes `times` as long; returns how long that is, in ms. */
  slow(times: number, forMs: number): number;
  /** Waits for a report that `holds`. Errors: `E_TIMEOUT`, `E_CHILD_ENDED`, or the signal's reason. */
  until: ReportingChild<DependencyReport, DependencyCommand>['until'];
}

/** Starts an index that is large enough for so many agents, in a process of its own. Errors: those of `Lab.start`. */
export async function startSearchIndex(lab: Lab, agents: number): Promise<SearchIndex> {
  const perSecond = agents * QUERIES_PER_SECOND_PER_AGENT;
  const workers = Math.max(1, Math.round((perSecond * SERVICE_MS) / 1000));
  const serviceMs = (workers / perSecond) * 1000;
  const program = {
    name: 'search index',
    main: 'timeout-spiral/dependency-main',
    settings: dependencyOptionsSchema.parse({ workers, serviceMs }),
    report: dependencyReportSchema,
  };
  const child = await lab.start((context) =>
    ReportingChild.start<DependencyReport, DependencyCommand>(program, context),
  );
  return {
    url: `http://127.0.0.1:${child.latest.port}/query`,
    workers,
    serviceMs,
    perSecond,
    bulkhead: Math.max(MIN_BULKHEAD, Math.round(perSecond / 2)),
    get latest() {
      return child.latest;
    },
    slow: (times, forMs) => {
      child.send({ type: 'slow', serviceMs: serviceMs * times, forMs });
      return serviceMs * times;
    },
    until: (holds, options) => child.until(holds, options),
  };
}
