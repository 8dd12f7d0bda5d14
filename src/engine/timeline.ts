/**
 * The kinds of events on an incident's time line, and what each says. Stored events are checked
 * against this on load; kinds that this version does not know are kept and shown as they are.
 */
import { z } from 'zod';
import { AllclearError } from '../kernel/index.ts';
import type { SaidEvent } from '../store/index.ts';
import type { Reading } from './model.ts';

/** A step as events name it: index from 1, and its title. */
const step = { step: z.int().min(1), title: z.string() };
const attempt = { ...step, block: z.int().min(0), attempt: z.int().min(1), fence: z.int() };
const readings = z.custom<readonly Reading[]>((value) => Array.isArray(value));
const why = z.string();

const eventData = {
  opened: z.object({ runbook: z.string(), file: z.string().nullable(), title: z.string() }),
  alert: z.object({
    status: z.enum(['firing', 'resolved']),
    name: z.string(),
    fingerprint: z.string(),
    startsAt: z.number(),
  }),
  /** Alertmanager has left out so many of the group's alerts. */
  'alerts-truncated': z.object({ count: z.number() }),
  /** The alert goes on although verify held: evidence against the runbook's Verify. */
  'still-firing': z.object({
    name: z.string(),
    fingerprint: z.string(),
    startsAt: z.number(),
    seconds: z.number(),
  }),
  'diagnosis-started': z.object({}),
  'verdict-reached': z.object({
    verdict: z.enum(['confirmed', 'ruled-out', 'inconclusive']),
    why,
    readings,
  }),
  answered: z.object({ check: z.string(), question: z.string(), answer: z.string() }),
  decided: z.object({ decision: z.enum(['proceed', 'stop', 'escalate']), why }),
  'remediation-started': z.object({}),
  'step-approved': z.object({
    ...step,
    hash: z.string(),
    by: z.array(z.string()),
    how: z.enum(['person', 'policy', 'option']),
    /** In the service: the run it is for, and when it ends (epoch ms). */
    run: z.int().min(1).optional(),
    expiresAt: z.number().optional(),
  }),
  'step-skipped': z.object({ ...step, why }),
  'step-reported': z.object({ ...step, outcome: z.enum(['done', 'skipped']), note: z.string() }),
  'step-intended': z.object(attempt),
  'step-ended': z.object({
    ...attempt,
    state: z.enum(['succeeded', 'failed', 'timed-out', 'cancelled']),
    exit: z.number().nullable(),
    durationMs: z.number(),
  }),
  'step-unknown': z.object({ ...attempt, worker: z.string() }),
  'step-late': z.object({ ...attempt, state: z.string() }),
  'step-decided': z.object({ ...attempt, decision: z.enum(['done', 'again', 'skip']), why: why.optional() }),
  'step-reopened': z.object({ ...step, why }),
  'checked-before-fix': z.object({ verified: z.boolean(), why, readings }),
  'verification-started': z.object({}),
  verified: z.object({ why, readings, rounds: z.number() }),
  'not-verified': z.object({ why, readings, rounds: z.number() }),
  'levers-released': z.object({ levers: z.array(z.string()) }),
  'levers-not-released': z.object({ error: z.string() }),
  'step-approval': z.object({
    ...step,
    /** The how-manieth run of the step it is for, from 1. */
    run: z.int().min(1),
    hash: z.string(),
    role: z.string(),
    expiresAt: z.number(),
  }),
  'step-approval-withdrawn': z.object({ ...step, run: z.int().min(1) }),
  'step-proposed': z.object({ ...step, why }),
  differential: z.object({
    /** Of the other runbooks of the family. */
    verdicts: z.array(
      z.object({
        runbook: z.string(),
        title: z.string(),
        verdict: z.enum(['confirmed', 'ruled-out', 'inconclusive']),
        why,
        readings,
      }),
    ),
    /** The runbook that fits better than the linked one. */
    proposed: z.string().nullable(),
    /** How the checks were kept from changing anything: `bubblewrap`, `namespaces`, `none: …`. */
    sandbox: z.string(),
    seconds: z.number(),
    /** Why runbooks of the family are missing here, as a sentence. */
    left: z.string().nullable().default(null),
  }),
  'runbook-adopted': z.object({ from: z.string(), to: z.string(), hash: z.string(), title: z.string() }),
  assigned: z.object({ to: z.string().nullable() }),
  'ad-hoc': z.object({
    command: z.string(),
    why: z.string().nullable(),
    exit: z.number().nullable(),
    output: z.string().nullable(),
  }),
  notified: z.object({ target: z.string(), about: z.string(), attempts: z.number() }),
  'not-notified': z.object({ target: z.string(), about: z.string(), error: z.string() }),
  stopped: z.object({ why }),
  note: z.object({ text: z.string() }),
  escalated: z.object({ why }),
  closed: z.object({ why }),
} as const;

export type EventKind = keyof typeof eventData;
export type EventData<Kind extends EventKind> = z.infer<(typeof eventData)[Kind]>;

/** One event of a known kind. `at` is epoch ms; `seq` counts from 1 in its incident. */
export type TimelineEvent = {
  [Kind in EventKind]: {
    readonly kind: Kind;
    readonly seq: number;
    readonly at: number;
    readonly actor: string;
    readonly data: EventData<Kind>;
  };
}[EventKind];

/**
 * The events of known kinds, in order.
 * @throws `E_SNAPSHOT` when one of a known kind does not say what it must
 */
export function readTimeline(records: readonly SaidEvent[]): TimelineEvent[] {
  return records.filter((record) => Object.hasOwn(eventData, record.kind)).map(readEvent);
}

function readEvent(record: SaidEvent): TimelineEvent {
  const kind = record.kind as EventKind;
  const result = eventData[kind].safeParse(record.data);
  if (!result.success) {
    throw new AllclearError('E_SNAPSHOT', {
      what: `event ${record.seq} (${kind}) of incident ${record.incident} cannot be understood`,
      cause: result.error,
    });
  }
  return { kind, seq: record.seq, at: record.at, actor: record.actor, data: result.data } as TimelineEvent;
}

/** Characters of a reading's output that its event keeps. */
const KEPT_OUTPUT = 4_000;

/** Readings as the time line keeps them: everything but the far end of long outputs. @param kept characters of each */
export function keptReadings(all: readonly Reading[], kept = KEPT_OUTPUT): Reading[] {
  return all.map((reading) =>
    reading.output.length <= kept
      ? reading
      : { ...reading, output: `${reading.output.slice(0, kept)}\n[…cut]` },
  );
}
