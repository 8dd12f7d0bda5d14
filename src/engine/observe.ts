/**
 * Runs the commands and queries of checks. Within one observer (one diagnosis, one round of Verify)
 * identical commands run once and share what they saw, and only a few run at the same time.
 */
import { AllclearError, toAllclearError } from '../kernel/index.ts';
import type { Check } from '../runbook/index.ts';
import { bindCommand, bindQuery, isSampled } from './bindings.ts';
import type { Bound } from './bound.ts';
import { DEFAULT_CHECK_SECONDS } from './check-limits.ts';
import type { ShellResult, Surroundings } from './model.ts';
import { describeResult } from './query-text.ts';
import { runShell } from './shell.ts';
import { brokenBy } from './shell-failure.ts';

/** Bytes of output that conditions see; what readings keep is less. */
const READ_LIMIT = 4 * 1024 * 1024;
const AT_ONCE = 4;

/** What one execution of a check saw. */
interface Observation {
  /** Null when the check is broken. */
  readonly bound: Bound | null;
  readonly broken: { readonly code: string; readonly message: string } | null;
  readonly output: string;
  readonly exit: number | null;
  readonly startedAt: number;
  readonly durationMs: number;
}

/** What the check's conditions need. */
export interface Needs {
  /** A second sample some seconds later, if the output is metrics. */
  readonly second: boolean;
  /** The exit code is judged: then a failure is a finding, and not a broken check. */
  readonly exit: boolean;
}

export interface Observer {
  /** Never throws for what a check does. Errors: `E_CANCELLED`, `E_SHELL`. */
  observe(check: Check, needs: Needs): Promise<Observation>;
}

export function createObserver(surroundings: Surroundings, signal?: AbortSignal): Observer {
  const gate = createGate(AT_ONCE);
  const queryGate = createGate(AT_ONCE);
  const firsts = new Map<string, Promise<Run>>();
  const seconds = new Map<string, Promise<Run>>();

  const run = (check: Check): Promise<Run> =>
    gate(async () => {
      const startedAt = surroundings.clock.now();
      const result = await runShell({
        language: check.language === 'sh' ? 'sh' : 'bash',
        command: check.command,
        surroundings,
        timeoutSeconds: check.timeout ?? DEFAULT_CHECK_SECONDS,
        signal,
        outputLimit: READ_LIMIT,
      });
      if (result.cancelled) throw cancelled(signal);
      return { result, startedAt, endedAt: surroundings.clock.monotonic() };
    });

  const runAgain = async (check: Check, first: Run): Promise<Run> => {
    const wait = surroundings.sampleSeconds * 1000 - (surroundings.clock.monotonic() - first.endedAt);
    await surroundings.clock.sleep(Math.max(0, wait), signal).catch(() => {
      throw cancelled(signal);
    });
    return run(check);
  };

  return {
    observe: async (check, needs) => {
      if (signal?.aborted) throw cancelled(signal);
      if (check.language === 'promql') return queryGate(() => query(check, surroundings, signal));
      const key = JSON.stringify([check.language, check.command, check.timeout]);
      const first = await once(firsts, key, () => run(check));
      const broken = brokenBy(first.result, check, needs.exit);
      if (broken || !needs.second || !isSampled(first.result)) return seen(first, first, null, broken);
      const second = await once(seconds, key, () => runAgain(check, first));
      const between = (second.endedAt - first.endedAt) / 1000;
      return seen(first, second, between, brokenBy(second.result, check, needs.exit));
    },
  };
}

interface Run {
  readonly result: ShellResult;
  readonly startedAt: number;
  /** Monotonic: the moment the sample is counted for. */
  readonly endedAt: number;
}

function seen(first: Run, last: Run, seconds: number | null, broken: Observation['broken']): Observation {
  const { stdout, stderr, exit } = last.result;
  return {
    bound: broken ? null : bindCommand(first.result, seconds === null ? null : { ...last.result, seconds }),
    broken,
    output:
      stderr.trim() === ''
        ? stdout
        : `${stdout}${stdout === '' || stdout.endsWith('\n') ? '' : '\n'}${stderr}`,
    exit,
    startedAt: first.startedAt,
    durationMs: Math.round(last.endedAt - first.endedAt + first.result.durationMs),
  };
}

async function query(check: Check, surroundings: Surroundings, signal?: AbortSignal): Promise<Observation> {
  const { clock, metrics } = surroundings;
  const startedAt = clock.now();
  const started = clock.monotonic();
  const ended = (rest: Pick<Observation, 'bound' | 'broken' | 'output'>): Observation => ({
    ...rest,
    exit: null,
    startedAt,
    durationMs: Math.round(clock.monotonic() - started),
  });
  if (metrics === null) {
    const message =
      'there is nothing to answer PromQL: give --prometheus URL, or --scrape URL for the built-in scraper';
    return ended({ bound: null, broken: { code: 'E_UNREACHABLE', message }, output: '' });
  }
  const limit = AbortSignal.timeout((check.timeout ?? DEFAULT_CHECK_SECONDS) * 1000);
  try {
    const result = await metrics.query(check.command, {
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    return ended({ bound: bindQuery(result, check.command), broken: null, output: describeResult(result) });
  } catch (error) {
    if (signal?.aborted) throw cancelled(signal);
    if (limit.aborted) {
      const message = `${metrics.name} did not answer in time`;
      return ended({ bound: null, broken: { code: 'E_TIMEOUT', message }, output: '' });
    }
    const { code, message: what, details } = toAllclearError(error);
    const message = details.next === undefined ? what : `${what}. ${details.next.replace(/\.$/, '')}`;
    return ended({ bound: null, broken: { code, message }, output: '' });
  }
}

function cancelled(signal: AbortSignal | undefined): AllclearError {
  return new AllclearError('E_CANCELLED', { what: 'The checks were stopped', cause: signal?.reason });
}

function once<T>(made: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const promise = made.get(key) ?? make();
  made.set(key, promise);
  return promise;
}

/** At most `limit` tasks at the same time; the others wait in turn. */
function createGate(limit: number): <T>(task: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
