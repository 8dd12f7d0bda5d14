/** Which incident an alert belongs to: that of its runbook, its affected system and its site. */
import { oneLine } from '../kernel/index.ts';
import type { Labels } from '../metrics/index.ts';
import type { Runbook } from '../runbook/index.ts';
import type { IncomingAlert } from './incoming-alert.ts';
import { findRunbook } from './library.ts';

/** By which labels alerts are told apart. */
export interface Identity {
  /** Labels that tell one affected system from another. */
  readonly identifyBy: readonly string[];
  /** The label that names where commands must run. */
  readonly siteLabel: string;
}

export interface IdentifiedAlert {
  readonly alert: IncomingAlert;
  /** Who brought it. */
  readonly actor: string;
  /** One text for one occurrence, `(fingerprint, startsAt)`. */
  readonly occurrence: string;
  readonly name: string;
  /** Null: a gap in coverage. */
  readonly runbook: Runbook | null;
  /** '' anywhere. */
  readonly site: string;
  /** Alerts with the same key are one incident while it is open. */
  readonly joinKey: string;
}

const MAX_KEY_VALUE = 256;
const MAX_SITE = 100;

export function identify(
  alert: IncomingAlert,
  { identifyBy, siteLabel }: Identity,
  runbooks: readonly Runbook[],
  actor: string,
): IdentifiedAlert {
  const runbook = findRunbook(alert, runbooks);
  const name = oneLine(labelOf(alert.labels, 'alertname', MAX_KEY_VALUE) || 'unnamed alert', 120);
  const site = labelOf(alert.labels, siteLabel, MAX_SITE);
  const what = runbook ? ['runbook', runbook.id] : ['alert', name];
  const system = identifyBy.map((label) => [label, labelOf(alert.labels, label, MAX_KEY_VALUE)]);
  return {
    alert,
    actor,
    occurrence: occurrenceOf(alert),
    name,
    runbook,
    site,
    joinKey: JSON.stringify([...what, ...system, ...(site === '' ? [] : [['site', site]])]),
  };
}

export function occurrenceOf({ fingerprint, startsAt }: { fingerprint: string; startsAt: number }): string {
  return `${startsAt} ${fingerprint}`;
}

function labelOf(labels: Labels, name: string, length: number): string {
  return Object.hasOwn(labels, name) ? labels[name]!.slice(0, length) : '';
}
