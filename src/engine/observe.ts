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
/** Commands at the same time, where nothing else is said; and as many queries. */
const AT_ONCE = 4;
/** More queries than this at the same time, and a Prometheus begins to refuse them. */
const QUERIES_AT_ONCE = 16;

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

/** What runs at the same time, over all observers that share it. */
export interface Gates {
  readonly commands: Gate;
  readonly queries: Gate;
}

export function createGates(atOnce = AT_ONCE): Gates {
  return { commands: createGate(atOnce), queries: createGate(Math.min(atOnce, QUERIES_AT_ONCE)) };
}

export interface ObserverOptions {
  /** Cancels: `E_CANCELLED`. */
  readonly signal?: AbortSignal;
  /** Aborts when the time for all is over: what has not ended is broken then (`E_TIMEOUT`). */
  readonly deadline?: AbortSignal;
  readonly gates?: Gates;
}

export function createObserver(surroundings: Surroundings, options: ObserverOptions = {}): Observer {
  const { signal, deadline, gates = createGates() } = options;
  const ends = [signal, deadline].filter((end) => end !== undefined);
  const end = ends.length === 0 ? undefined : AbortSignal.any(ends);
  const firsts = new Map<string, Promise<Run>>();
  const seconds = new Map<string, Promise<Run>>();

  const requireTime = (): void => {
    if (signal?.aborted) throw cancelled(signal);
    if (deadline?.aborted) throw new OutOfTime();
  };

  const run = (check: Check): Promise<Run> =>
    gates.commands(async () => {
      requireTime();
      const startedAt = surroundings.clock.now();
      const { sandbox } = surroundings;
      const result = await runShell({
        language: check.language === 'sh' ? 'sh' : 'bash',
        command: check.command,
        surroundings,
        timeoutSeconds: check.timeout ?? DEFAULT_CHECK_SECONDS,
        signal: end,
        sandbox: sandbox?.state === 'closed' ? sandbox : undefined,
        outputLimit: READ_LIMIT,
      });
      if (result.cancelled) requireTime();
      return { result, startedAt, endedAt: surroundings.clock.monotonic() };
    });

  const runAgain = async (check: Check, first: Run): Promise<Run> => {
    const wait = surroundings.sampleSeconds * 1000 - (surroundings.clock.monotonic() - first.endedAt);
    await surroundings.clock.sleep(Math.max(0, wait), end).catch(requireTime);
    return run(check);
  };

  const observe: Observer['observe'] = async (check, needs) => {
    requireTime();
    if (check.language === 'promql') return gates.queries(() => query(check, surroundings, options));
    if (surroundings.sandbox?.state === 'refused') {
      return unseen(surroundings, { code: 'E_SANDBOX', message: surroundings.sandbox.why });
    }
    const key = JSON.stringify([check.language, check.command, check.timeout]);
    const first = await once(firsts, key, () => run(check));
    const broken = brokenBy(first.result, check, needs.exit);
    if (broken || !needs.second || !isSampled(first.result)) return seen(first, first, null, broken);
    const second = await once(seconds, key, () => runAgain(check, first));
    const between = (second.endedAt - first.endedAt) / 1000;
    return seen(first, second, between, brokenBy(second.result, check, needs.exit));
  };

  return {
    observe: async (check, needs) => {
      try {
        return await observe(check, needs);
      } catch (error) {
        if (!(error instanceof OutOfTime)) throw error;
        return unseen(surroundings, OUT_OF_TIME);
      }
    },
  };
}

/** The deadline has come. */
class OutOfTime extends Error {
  override readonly name = 'OutOfTime';
}

const OUT_OF_TIME = {
  code: 'E_TIMEOUT',
  message: 'it had not ended when the time for the diagnosis was over',
} as const;

function unseen({ clock }: Surroundings, broken: { code: string; message: string }): Observation {
  return { bound: null, broken, output: '', exit: null, startedAt: clock.now(), durationMs: 0 };
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

async function query(
  check: Check,
  surroundings: Surroundings,
  { signal, deadline }: ObserverOptions,
): Promise<Observation> {
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
    const ends = [signal, deadline, limit].filter((end) => end !== undefined);
    const result = await metrics.query(check.command, { signal: AbortSignal.any(ends) });
    return ended({ bound: bindQuery(result, check.command), broken: null, output: describeResult(result) });
  } catch (error) {
    if (signal?.aborted) throw cancelled(signal);
    if (deadline?.aborted) throw new OutOfTime();
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

type Gate = <T>(task: () => Promise<T>) => Promise<T>;

/** At most `limit` tasks at the same time; the others wait in turn. */
function createGate(limit: number): Gate {
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
