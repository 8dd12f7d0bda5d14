/** What the API answers, as schemas. */
import { z } from 'zod';
import { eventText, readTimeline } from '../engine/index.ts';
import type { EventRecord, IncidentRecord } from '../store/index.ts';

const time = z.number().describe('Milliseconds since 1970');

export const incidentSummary = z
  .object({
    id: z.string(),
    title: z.string(),
    runbook: z.string().nullable().describe('Id of the runbook; null when none is linked'),
    severity: z.string().nullable(),
    state: z.string(),
    open: z.boolean(),
    site: z.string().describe('Where its commands run; empty anywhere'),
    assignee: z.string().nullable(),
    waiting: z.unknown().describe('What it waits for; null when for nothing'),
    labels: z.record(z.string(), z.string()),
    alertCount: z.number(),
    openedAt: time,
    updatedAt: time,
    closedAt: time.nullable(),
    seq: z.number().describe('Number of its last event'),
  })
  .meta({ id: 'IncidentSummary' });

export type IncidentSummary = z.infer<typeof incidentSummary>;

export function toSummary(record: IncidentRecord): IncidentSummary {
  const { id, title, severity, state, open, site, assignee, waiting, labels, alertCount } = record;
  const { openedAt, updatedAt, closedAt, seq } = record;
  const runbook = record.runbook === '' ? null : record.runbook;
  return {
    ...{ id, title, runbook, severity, state, open, site, assignee, waiting, labels, alertCount },
    ...{ openedAt, updatedAt, closedAt, seq },
  };
}

export const incidentEvent = z
  .object({
    seq: z.number().describe('From 1, without gaps'),
    at: time,
    actor: z.string(),
    kind: z.string(),
    text: z.string().describe('The event in one line of words'),
    data: z.unknown(),
    hash: z.string().describe('SHA-256 over this event and the hash of the one before'),
  })
  .meta({ id: 'IncidentEvent' });

export type IncidentEvent = z.infer<typeof incidentEvent>;

/** An event as the API shows it; kinds that this version does not know are shown as they are. */
export function toEvent(record: EventRecord): IncidentEvent {
  const { seq, at, actor, kind, data, hash } = record;
  return { seq, at, actor, kind, text: textOf(record), data, hash };
}

function textOf(record: EventRecord): string {
  try {
    const [event] = readTimeline([record]);
    return event ? eventText(event) : record.kind;
  } catch {
    return record.kind;
  }
}
