/** What a target is told: the body of a generic webhook, and what other kinds are made from. */
import { redact } from '../engine/index.ts';
import { oneLine } from '../kernel/index.ts';
import type { IncidentRecord } from '../store/index.ts';
import type { Said } from './news.ts';

/** Labels of an incident in a notice, and characters of each text. */
const MAX_LABELS = 30;
const MAX_LABEL = 200;
const MAX_TEXT = 1_000;

/** Version 1: fields may be added; none changes its meaning or goes away. docs/service-notifications.md describes it. */
export interface Notice {
  readonly version: '1';
  /** The same for every delivery of the same news to the same target. */
  readonly id: string;
  readonly about: Said['about'];
  /** When it happened, ISO 8601. */
  readonly at: string;
  /** One line for people. */
  readonly text: string;
  readonly incident: {
    readonly id: string;
    readonly title: string;
    readonly severity: string | null;
    /** As it is when the notice is made, which may be later than what it tells of. */
    readonly state: string;
    /** The runbook's id; null when none is linked. */
    readonly runbook: string | null;
    readonly alerts: number;
    readonly assignee: string | null;
    readonly site: string | null;
    readonly openedAt: string;
    readonly labels: Readonly<Record<string, string>>;
    /** Null when the server does not know its public address. */
    readonly url: string | null;
  };
  readonly verdict: { readonly verdict: string; readonly why: string } | null;
  readonly approval: {
    readonly step: number;
    readonly title: string;
    readonly risk: string;
    readonly have: number;
    readonly need: number;
  } | null;
  readonly decision: { readonly step: number | null; readonly what: string } | null;
  readonly resolved: { readonly verified: boolean; readonly why: string } | null;
  readonly escalated: { readonly why: string } | null;
}

export interface NoticeFacts {
  readonly id: string;
  /** Epoch ms. */
  readonly at: number;
  readonly said: Said;
  readonly incident: IncidentRecord;
  /** Where people reach this server; null when it does not know. */
  readonly publicUrl: string | null;
  /** Values that no notice may hold. */
  readonly secrets: readonly string[];
}

/** Builds a notice. Every text in it is bounded, without control characters and redacted. */
export function makeNotice(facts: NoticeFacts): Notice {
  const { said, incident } = facts;
  const clean = (text: string, width = MAX_TEXT) => oneLine(redact(text, facts.secrets), width);
  const title = clean(incident.title, 200);
  return {
    version: '1',
    id: facts.id,
    about: said.about,
    at: new Date(facts.at).toISOString(),
    text: clean(`${title}: ${words(said)}`),
    incident: {
      id: incident.id,
      title,
      severity: incident.severity === null ? null : clean(incident.severity, 50),
      state: incident.state,
      runbook: incident.runbook === '' ? null : clean(incident.runbook, 200),
      alerts: incident.alertCount,
      assignee: incident.assignee === null ? null : clean(incident.assignee, 200),
      site: incident.site === '' ? null : clean(incident.site, 200),
      openedAt: new Date(incident.openedAt).toISOString(),
      labels: cleanLabels(incident.labels, facts.secrets),
      url: facts.publicUrl === null ? null : incidentUrl(facts.publicUrl, incident.id),
    },
    verdict: said.about === 'verdict' ? { verdict: said.verdict, why: clean(said.why) } : null,
    approval: said.about === 'approval-wanted' ? approvalOf(said.approval, clean) : null,
    decision: said.about === 'decision-wanted' ? { step: said.step, what: clean(said.what) } : null,
    resolved: said.about === 'resolved' ? { verified: said.verified, why: clean(said.why) } : null,
    escalated: said.about === 'escalated' ? { why: clean(said.why) } : null,
  };
}

function approvalOf(
  approval: Extract<Said, { about: 'approval-wanted' }>['approval'],
  clean: (text: string, width?: number) => string,
): Notice['approval'] {
  const { step, title, risk, have, need } = approval;
  return { step, title: clean(title, 200), risk, have, need };
}

function words(said: Said): string {
  switch (said.about) {
    case 'opened':
      return 'an incident is open';
    case 'verdict':
      return `the verdict is ${said.verdict}. ${said.why}`;
    case 'approval-wanted': {
      const { step, title, risk, need, have } = said.approval;
      const left = need - have;
      return `step ${step} (${title}, ${risk}) waits for ${left === 1 ? 'one approval' : `${left} approvals`}`;
    }
    case 'decision-wanted':
      return said.what;
    case 'resolved':
      return said.verified ? `resolved. ${said.why}` : `closed: ${said.why}`;
    case 'escalated':
      return `escalated: ${said.why}`;
  }
}

/** A label may be named as if it held a secret: then only its name is told. */
function cleanLabels(
  labels: Readonly<Record<string, string>>,
  secrets: readonly string[],
): Record<string, string> {
  const kept = Object.entries(labels).slice(0, MAX_LABELS);
  return Object.fromEntries(
    kept.map(([name, value]) => {
      const said = redact(`${name}=${value}`, secrets).slice(name.length + 1);
      return [oneLine(name, MAX_LABEL), oneLine(said, MAX_LABEL)];
    }),
  );
}

export function incidentUrl(publicUrl: string, incident: string): string {
  return `${publicUrl.replace(/\/+$/, '')}/incidents/${encodeURIComponent(incident)}`;
}
