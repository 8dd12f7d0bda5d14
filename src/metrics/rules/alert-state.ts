import { AllclearError } from '../../kernel/index.ts';
import { fingerprint, labelsKey, makeLabels, NAME } from '../labels.ts';
import type { Alert, Labels, Sample } from '../model.ts';
import type { AlertingRule } from './model.ts';

/** An alert between its first sight and its end. */
export interface ActiveAlert {
  readonly labels: Labels;
  annotations: Readonly<Record<string, string>>;
  /**
   * `pending`: the expression holds, but not yet for the rule's `for`; forgotten when it stops to hold.
   * `firing`: it held for long enough; resolved when it stops to hold for `keep_firing_for`.
   */
  state: 'pending' | 'firing';
  value: number;
  /** When the expression began to hold. */
  readonly activeAt: number;
  firedAt: number;
  /** Since when a firing alert's expression no longer holds. */
  quietSince: number | null;
}

/** Alerts of one rule held at once; a rule that gives more is an error, not a flood. */
const MAX_ACTIVE = 10_000;

/** The alerts of one alerting rule over time. Source of the transitions: `rules/alerting.go` of Prometheus. */
export class AlertStates {
  readonly #rule: AlertingRule;
  readonly #active = new Map<string, ActiveAlert>();

  constructor(rule: AlertingRule) {
    this.#rule = rule;
  }

  get active(): readonly ActiveAlert[] {
    return [...this.#active.values()];
  }

  /**
   * Takes the result of the rule's expression at `t`.
   * @returns the alerts that began to fire or were resolved
   */
  update(samples: readonly Sample[], t: number): Alert[] {
    const holding = this.#collect(samples, t);
    const changes: Alert[] = [];
    for (const [key, found] of holding) {
      const known = this.#active.get(key);
      if (!known) {
        this.#active.set(key, found);
        continue;
      }
      known.value = found.value;
      known.annotations = found.annotations;
      known.quietSince = null;
    }
    for (const [key, alert] of this.#active) {
      if (!holding.has(key) && this.#hasEnded(alert, t)) {
        this.#active.delete(key);
        if (alert.state === 'firing') changes.push(toAlert(alert, t));
      } else if (alert.state === 'pending' && t - alert.activeAt >= this.#rule.forMs) {
        alert.state = 'firing';
        alert.firedAt = t;
        changes.push(toAlert(alert, null));
      }
    }
    return changes;
  }

  #hasEnded(alert: ActiveAlert, t: number): boolean {
    if (alert.state === 'pending') return true;
    alert.quietSince ??= t;
    return t - alert.quietSince >= this.#rule.keepFiringForMs;
  }

  #collect(samples: readonly Sample[], t: number): Map<string, ActiveAlert> {
    if (samples.length > MAX_ACTIVE) {
      throw new AllclearError('E_PROMQL_FAILED', { what: `the rule gives more than ${MAX_ACTIVE} alerts` });
    }
    const collected = new Map<string, ActiveAlert>();
    for (const { labels: found, value } of samples) {
      const data = { labels: found, value };
      const labels = makeLabels([
        ...Object.entries(found).filter(([name]) => name !== NAME),
        ...Array.from(this.#rule.labels, ([name, template]) => [name, template.expand(data)] as const),
        ['alertname', this.#rule.name],
      ]);
      const key = labelsKey(labels);
      if (collected.has(key)) {
        throw new AllclearError('E_PROMQL_FAILED', {
          what: 'vector contains metrics with the same labelset after applying alert labels',
        });
      }
      const annotations = makeLabels(
        Array.from(this.#rule.annotations, ([name, template]) => [name, template.expand(data)] as const),
      );
      collected.set(key, {
        labels,
        annotations,
        state: 'pending',
        value,
        activeAt: t,
        firedAt: t,
        quietSince: null,
      });
    }
    return collected;
  }
}

/** The alert as the intake and Alertmanager know it. */
function toAlert(alert: ActiveAlert, endsAt: number | null): Alert {
  return {
    status: endsAt === null ? 'firing' : 'resolved',
    labels: alert.labels,
    annotations: alert.annotations,
    startsAt: alert.firedAt,
    endsAt,
    fingerprint: fingerprint(alert.labels),
  };
}
