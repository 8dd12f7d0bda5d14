/** What the API answers, as schemas. */
import { z } from 'zod';
import { eventText, incidentSummarySchema, incidentViewSchema, readTimeline } from '../engine/index.ts';
import type { EventRecord } from '../store/index.ts';

export const incidentSummary = incidentSummarySchema.meta({ id: 'IncidentSummary' });
export const incidentView = incidentViewSchema.meta({ id: 'Incident' });

export const incidentEvent = z
  .object({
    seq: z.number().describe('From 1, without gaps'),
    at: z.number().describe('Milliseconds since 1970'),
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
