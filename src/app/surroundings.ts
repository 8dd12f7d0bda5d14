/** Builds what checks and steps run with, from options and the environment. */
import {
  type HostMapping,
  labelEnv,
  mapUrl,
  paramVariables,
  parseHostMapping,
  type Surroundings,
} from '../engine/index.ts';
import { AllclearError, type Clock, parseDuration, systemClock } from '../kernel/index.ts';
import { type MetricsSource, PrometheusSource, type ScrapeTarget } from '../metrics/index.ts';
import type { Runbook } from '../runbook/index.ts';
import { commandEnv, DEFAULT_GUARD_URL, parseAssignments } from './command-env.ts';
import { paramEnv } from './param-env.ts';
import { requireSandbox } from './sandbox.ts';
import { createScrapeSource, type ScrapeSource } from './scrape-source.ts';

/** As given on the command line; all optional, all text. */
export interface SurroundingsOptions {
  /** `NAME[:PORT]=ADDRESS[:PORT]`, several. */
  readonly host?: readonly string[];
  /** `NAME=VALUE`, several. */
  readonly param?: readonly string[];
  readonly label?: readonly string[];
  /** `[JOB=]URL`, several: metrics pages for the built-in scraper. */
  readonly scrape?: readonly string[];
  /** A Prometheus server's URL. */
  readonly prometheus?: string;
  /** Seconds between the two samples of a rate; default 5. */
  readonly sampleSeconds?: string;
  /** Checks run in a sandbox, or not at all. */
  readonly sandbox?: boolean;
}

export interface SurroundingsContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly clock?: Clock;
  readonly progress?: (text: string) => void;
}

/** Surroundings for one command, and how to end what they hold (the scraper). */
export interface OpenSurroundings {
  /** With what was given, and no runbook's defaults. */
  readonly surroundings: Surroundings;
  /** The same with the runbook's `PARAM_*`. Errors: `E_USAGE` when a parameter has no value. */
  forRunbook(runbook: Runbook): Surroundings;
  close(): Promise<void>;
}

/** As long as the time-out of careless clients, whose retries come in bursts: a shorter look may see none. */
const DEFAULT_SAMPLE_SECONDS = 5;

/**
 * PromQL goes to `--prometheus` (or ALLCLEAR_PROMETHEUS), else to the built-in scraper over `--scrape`, else
 * over the guard's own metrics. Nothing is contacted before a check needs it.
 * Errors: `E_USAGE` for options that cannot be read; `E_SANDBOX` when one is wanted and there is none.
 */
export async function openSurroundings(
  options: SurroundingsOptions,
  context: SurroundingsContext,
): Promise<OpenSurroundings> {
  const clock = context.clock ?? systemClock;
  const hosts = (options.host ?? []).map(parseHostMapping);
  const params = parseAssignments('--param', options.param ?? []);
  const labels = parseAssignments('--label', options.label ?? []);
  const sampleSeconds = readSampleSeconds(options.sampleSeconds);
  const env = {
    ...commandEnv(context.env, context.cwd),
    ...labelEnv(Object.fromEntries(labels)),
    ...paramVariables(params),
  };
  const tokens = [context.env['ALLCLEAR_GUARD_TOKEN'], context.env['ALLCLEAR_PROMETHEUS_TOKEN']];
  const metrics = openMetrics(options, context, clock, hosts);
  const surroundings: Surroundings = {
    clock,
    cwd: context.cwd,
    env,
    hosts,
    metrics,
    secrets: tokens.filter((token) => token !== undefined),
    sampleSeconds,
    ...(options.sandbox ? { sandbox: await requireSandbox() } : {}),
  };
  return {
    surroundings,
    forRunbook: (runbook) => ({ ...surroundings, env: { ...env, ...paramEnv(runbook, params) } }),
    close: async () => {
      if ('close' in metrics) await metrics.close();
    },
  };
}

function openMetrics(
  options: SurroundingsOptions,
  context: SurroundingsContext,
  clock: Clock,
  hosts: readonly HostMapping[],
): MetricsSource | ScrapeSource {
  const scrape = options.scrape ?? [];
  const prometheus =
    options.prometheus ?? (scrape.length === 0 ? context.env['ALLCLEAR_PROMETHEUS'] : undefined);
  if (prometheus !== undefined && prometheus !== '') {
    const url = String(mapUrl(readUrl('--prometheus', prometheus), hosts));
    return new PrometheusSource({ url, token: context.env['ALLCLEAR_PROMETHEUS_TOKEN'] });
  }
  const targets =
    scrape.length > 0
      ? scrape.map((text) => readTarget(text, hosts))
      : [guardTarget(context.env['ALLCLEAR_GUARD_URL'] ?? DEFAULT_GUARD_URL, hosts)];
  return createScrapeSource({ clock, targets, progress: context.progress });
}

/** `[JOB=]URL`; without a path, `/metrics`. The job is the host's name when none is given. */
function readTarget(text: string, hosts: readonly HostMapping[]): ScrapeTarget {
  const match = /^([A-Za-z_][\w.-]{0,100})=(.+)$/.exec(text);
  const url = readUrl('--scrape', match?.[2] ?? text);
  if (url.pathname === '/' && url.search === '') url.pathname = '/metrics';
  return { job: match?.[1] ?? url.hostname, url: String(mapUrl(url, hosts)), instance: url.host };
}

function guardTarget(base: string, hosts: readonly HostMapping[]): ScrapeTarget {
  return { ...readTarget(base, hosts), job: 'mcp-guard' };
}

function readUrl(option: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new AllclearError('E_USAGE', {
      what: `"${text}" is not an http(s) URL`,
      next: `Write, for example, ${option} http://127.0.0.1:9090.`,
    });
  }
  return url;
}

function readSampleSeconds(text: string | undefined): number {
  if (text === undefined) return DEFAULT_SAMPLE_SECONDS;
  const seconds = parseDuration(text);
  if (seconds === undefined || seconds < 0.1 || seconds > 300) {
    throw new AllclearError('E_USAGE', {
      what: `"${text}" after --sample-seconds is not a time between 0.1 and 300 seconds`,
      next: 'Write, for example, --sample-seconds 5.',
    });
  }
  return seconds;
}
