import { AllclearError, type Clock, systemClock, toAllclearError } from '../../kernel/index.ts';
import { labelsKey, makeLabels, NAME, withLabels } from '../labels.ts';
import type { Alert, Labels, Sample } from '../model.ts';
import { evaluateInstant } from '../promql/evaluate.ts';
import type { SampleWindow } from '../window.ts';
import { type ActiveAlert, AlertStates } from './alert-state.ts';
import type { Rule, RuleGroup } from './model.ts';

/** A rule that could not be evaluated; the others were. */
export interface RuleFailure {
  readonly group: string;
  readonly rule: string;
  readonly error: AllclearError;
}

export interface RuleEvaluatorOptions {
  readonly groups: readonly RuleGroup[];
  readonly window: SampleWindow;
  readonly clock?: Clock;
  /** For groups that state no interval. Default 1,000 ms. */
  readonly intervalMs?: number;
  /** How far selectors look back. Default 300,000 ms. */
  readonly lookbackMs?: number;
  /**
   * Called with the alerts that began to fire or were resolved. When it fails the same alerts are
   * given again at the next evaluation, so the receiver must bear duplicates.
   */
  readonly onAlerts: (alerts: readonly Alert[]) => Promise<void> | void;
  readonly onFailure?: (failures: readonly RuleFailure[]) => void;
  /** Stops the evaluator when it aborts. */
  readonly signal?: AbortSignal;
}

/** A rule with what it remembers between evaluations. */
interface RuleState {
  readonly rule: Rule;
  readonly alerts: AlertStates | null;
  /** Series of the last evaluation, to mark those that vanish. */
  written: Map<string, Labels>;
}

const MAX_UNSENT = 10_000;

/**
 * Evaluates rule groups over the window as Prometheus does: in the order of a group, all at one time;
 * alerts go from pending to firing after `for`, and are resolved. Writes recorded series and `ALERTS`
 * into the window. An error in one rule leaves that rule's alerts as they were and stops no other.
 */
export class RuleEvaluator {
  readonly #options: RuleEvaluatorOptions;
  readonly #clock: Clock;
  readonly #groups: readonly { group: RuleGroup; states: RuleState[] }[];
  readonly #stopper = new AbortController();
  #running: Promise<unknown> | undefined;
  #unsent: Alert[] = [];
  #sending: Promise<void> | undefined;

  constructor(options: RuleEvaluatorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#groups = options.groups.map((group) => ({
      group,
      states: group.rules.map((rule) => ({
        rule,
        alerts: rule.kind === 'alert' ? new AlertStates(rule) : null,
        written: new Map(),
      })),
    }));
    if (options.signal?.aborted) this.#stopper.abort();
    options.signal?.addEventListener('abort', () => this.#stopper.abort(), { once: true });
  }

  /** Evaluates every group at its interval from now on. A second call does nothing. */
  start(): void {
    this.#running ??= Promise.all(this.#groups.map(({ group, states }) => this.#loop(group, states)));
  }

  /** Stops and waits until nothing runs any more. */
  async stop(): Promise<void> {
    this.#stopper.abort();
    await this.#running;
    await this.#sending;
  }

  /** Evaluates all groups once, now. Gives back the rules that failed. */
  async evaluateOnce(): Promise<RuleFailure[]> {
    const failures: RuleFailure[] = [];
    for (const { group, states } of this.#groups) failures.push(...this.#evaluateGroup(group, states));
    await this.#send();
    return failures;
  }

  /** Pending and firing alerts, with the rule they come from. */
  active(): (ActiveAlert & { readonly rule: string })[] {
    return this.#groups.flatMap(({ states }) =>
      states.flatMap(({ rule, alerts }) =>
        (alerts?.active ?? []).map((alert) => ({ ...alert, rule: rule.name })),
      ),
    );
  }

  async #loop(group: RuleGroup, states: RuleState[]): Promise<void> {
    const { signal } = this.#stopper;
    const interval = group.intervalMs ?? this.#options.intervalMs ?? 1000;
    let next = this.#clock.monotonic();
    while (!signal.aborted) {
      this.#evaluateGroup(group, states);
      // A receiver that is slow must not hold up the evaluation.
      void this.#send();
      // An evaluation that took too long is not made up for.
      next = Math.max(next + interval, this.#clock.monotonic());
      try {
        await this.#clock.sleep(Math.max(0, next - this.#clock.monotonic()), signal);
      } catch {
        return;
      }
    }
  }

  #evaluateGroup(group: RuleGroup, states: readonly RuleState[]): RuleFailure[] {
    const now = this.#clock.now();
    const failures: RuleFailure[] = [];
    for (const state of states) {
      try {
        this.#evaluateRule(group, state, now);
      } catch (error) {
        failures.push({ group: group.name, rule: state.rule.name, error: placed(error, state.rule) });
      }
    }
    if (failures.length > 0) this.#options.onFailure?.(failures);
    return failures;
  }

  #evaluateRule(group: RuleGroup, state: RuleState, now: number): void {
    const { rule, alerts } = state;
    const { window, lookbackMs } = this.#options;
    const at = now - group.queryOffsetMs;
    const result = evaluateInstant(rule.expr, window, at, { lookbackMs, clock: this.#clock });
    const samples: readonly Sample[] =
      result.type === 'scalar'
        ? [{ labels: makeLabels([]), value: result.value }]
        : result.type === 'vector'
          ? result.samples
          : [];
    if (group.limit > 0 && samples.length > group.limit) {
      throw new AllclearError('E_PROMQL_FAILED', {
        what: `exceeded limit of ${group.limit} with ${samples.length} results`,
      });
    }
    if (rule.kind === 'record') {
      this.#write(state, recorded(rule, samples), at);
      return;
    }
    const changes = alerts!.update(samples, at);
    this.#unsent = [...this.#unsent, ...changes].slice(-MAX_UNSENT);
    this.#write(state, alertSeries(alerts!.active), at);
  }

  #write(state: RuleState, samples: readonly Sample[], t: number): void {
    const { window } = this.#options;
    const written = new Map<string, Labels>();
    for (const sample of samples) {
      const key = labelsKey(sample.labels);
      // The same object again keeps its key computed.
      const labels = state.written.get(key) ?? sample.labels;
      written.set(key, labels);
      window.append(labels, t, sample.value);
    }
    for (const [key, labels] of state.written) if (!written.has(key)) window.markStale(labels, t);
    state.written = written;
  }

  /** Hands over changed alerts, one batch at a time; a batch that fails stays for the next time. */
  #send(): Promise<void> {
    this.#sending ??= this.#sendBatch().finally(() => {
      this.#sending = undefined;
    });
    return this.#sending;
  }

  async #sendBatch(): Promise<void> {
    const batch = new Set(this.#unsent);
    if (batch.size === 0) return;
    try {
      await this.#options.onAlerts([...batch]);
      this.#unsent = this.#unsent.filter((alert) => !batch.has(alert));
    } catch (error) {
      this.#options.onFailure?.([{ group: '', rule: '', error: toAllclearError(error) }]);
    }
  }
}

function recorded(rule: Rule, samples: readonly Sample[]): Sample[] {
  const seen = new Set<string>();
  return samples.map((sample) => {
    const added = Array.from(rule.labels, ([name, template]) => [name, template.expand(sample)] as const);
    const labels = withLabels(sample.labels, [[NAME, rule.name], ...added]);
    const key = labelsKey(labels);
    if (seen.has(key)) {
      throw new AllclearError('E_PROMQL_FAILED', {
        what: 'vector contains metrics with the same labelset after applying rule labels',
      });
    }
    seen.add(key);
    return { labels, value: sample.value };
  });
}

function alertSeries(active: readonly ActiveAlert[]): Sample[] {
  return active.flatMap(({ labels, state, activeAt }) => [
    {
      labels: withLabels(labels, [
        [NAME, 'ALERTS'],
        ['alertstate', state],
      ]),
      value: 1,
    },
    { labels: withLabels(labels, [[NAME, 'ALERTS_FOR_STATE']]), value: Math.floor(activeAt / 1000) },
  ]);
}

/** The error with the rule's file and line. */
function placed(error: unknown, rule: Rule): AllclearError {
  const { code, details } = toAllclearError(error);
  return new AllclearError(code, { ...details, file: rule.file, line: rule.line, cause: error });
}
