/**
 * The message of Alertmanager's webhook, version 4
 * (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config). Others speak the same form: Grafana,
 * vmalert, Mimir. So the version is not looked at, fields that are not known are passed over, and what can be
 * missing may be missing.
 */
import { z } from 'zod';
import { AllclearError, oneLine, printable } from '../kernel/index.ts';
import { fingerprint } from '../metrics/index.ts';
import { cleanLink, cleanMap, cleanText } from './clean-text.ts';
import type { IncomingAlert } from './incoming-alert.ts';

/** Bytes of one message: a storm of 10,000 alerts comes as one, and a refused one is not sent again. */
export const MAX_WEBHOOK_BYTES = 32 * 1024 * 1024;

/** Alerts kept of one message; the rest are counted, as if Alertmanager had left them out. */
export const MAX_WEBHOOK_ALERTS = 20_000;

// Values are looked at below, up to the first that is wrong: a hostile message could have millions of them.
const texts = z.record(z.string(), z.unknown());
const time = z.iso.datetime({ offset: true });

const alertSchema = z.object({
  status: z.enum(['firing', 'resolved']).optional().describe('By endsAt when it is missing'),
  labels: texts,
  annotations: texts.nullish(),
  startsAt: time,
  endsAt: time.nullish().describe('0001-01-01T00:00:00Z while it fires'),
  generatorURL: z.string().nullish(),
  fingerprint: z.string().nullish().describe('Computed from the labels when it is missing'),
});

/** The form of a message, as the OpenAPI document shows it. */
export const webhookBody = z.object({
  version: z.unknown().optional(),
  groupKey: z.string().nullish(),
  truncatedAlerts: z.number().min(0).nullish().describe('Alerts of the group that were not sent'),
  receiver: z.string().nullish(),
  externalURL: z.string().nullish().describe('The Alertmanager'),
  alerts: z.array(alertSchema),
});

export interface WebhookMessage {
  readonly alerts: readonly IncomingAlert[];
  /** Alerts of the group that are not in `alerts`. */
  readonly truncated: number;
  readonly groupKey: string | null;
  readonly receiver: string | null;
  /** The Alertmanager, for people. */
  readonly externalUrl: string | null;
}

/**
 * Reads one message. Labels and annotations are bounded, not refused: see clean-text.ts.
 * @param body the parsed JSON
 * @throws `E_BAD_VALUE` that names the place, as `alerts[3].startsAt`
 */
export function parseWebhook(body: unknown): WebhookMessage {
  const { bounded, dropped } = withoutTooMany(body);
  const result = webhookBody.safeParse(bounded);
  if (!result.success) throw badMessage(result.error.issues[0]!, result.error);
  const { alerts, truncatedAlerts, groupKey, receiver, externalURL } = result.data;
  return {
    alerts: alerts.map(toAlert),
    truncated: Math.min(Math.trunc(truncatedAlerts ?? 0) + dropped, 1e9),
    groupKey: shortText(groupKey),
    receiver: shortText(receiver),
    externalUrl: cleanLink(externalURL ?? undefined),
  };
}

/** What is past the bound is not even looked at. */
function withoutTooMany(body: unknown): { bounded: unknown; dropped: number } {
  if (typeof body !== 'object' || body === null || !('alerts' in body)) return { bounded: body, dropped: 0 };
  const { alerts } = body;
  if (!Array.isArray(alerts) || alerts.length <= MAX_WEBHOOK_ALERTS) return { bounded: body, dropped: 0 };
  const kept: unknown[] = alerts.slice(0, MAX_WEBHOOK_ALERTS);
  return { bounded: { ...body, alerts: kept }, dropped: alerts.length - kept.length };
}

function toAlert(given: z.output<typeof alertSchema>, index: number): IncomingAlert {
  const labels = readTexts(given.labels, ['alerts', index, 'labels']);
  const annotations = readTexts(given.annotations ?? {}, ['alerts', index, 'annotations']);
  const endsAt = given.endsAt && !given.endsAt.startsWith('0001-') ? Date.parse(given.endsAt) : null;
  const status = given.status ?? (endsAt === null ? 'firing' : 'resolved');
  return {
    status,
    labels: cleanMap(labels),
    annotations: cleanMap(annotations),
    startsAt: Date.parse(given.startsAt),
    endsAt: status === 'resolved' ? endsAt : null,
    // Of all labels, also those that are cut: it tells alerts apart.
    fingerprint: readFingerprint(given.fingerprint) ?? fingerprint(labels),
    generatorUrl: cleanLink(given.generatorURL ?? undefined),
  };
}

function readTexts(map: Readonly<Record<string, unknown>>, path: PropertyKey[]): Record<string, string> {
  const wrong = Object.keys(map).find((name) => typeof map[name] !== 'string');
  if (wrong === undefined) return map as Record<string, string>;
  throw badMessage({ path: [...path, wrong], message: `expected text, received ${typeof map[wrong]}` });
}

/** Alertmanager's are 16 hexadecimal digits; of other senders' any short word will do. */
function readFingerprint(text: string | null | undefined): string | null {
  return text && /^[\w.:-]{1,128}$/.test(text) ? text : null;
}

function shortText(text: string | null | undefined): string | null {
  return text ? cleanText(text, 1_000) : null;
}

function badMessage(
  issue: { path: readonly PropertyKey[]; message: string },
  cause?: unknown,
): AllclearError {
  const place = issue.path.length === 0 ? '' : `${placeOf(issue.path)}: `;
  return new AllclearError('E_BAD_VALUE', {
    what: `this is no message of Alertmanager's webhook: ${place}${oneLine(issue.message, 200)}`,
    next: 'Point a webhook_config of Alertmanager here; `allclear init --alertmanager` writes one.',
    cause,
  });
}

/** `['alerts', 3, 'labels', 'job']` → `alerts[3].labels.job`; names of labels are hostile. */
function placeOf(path: readonly PropertyKey[]): string {
  const parts = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${printable(String(part))}`));
  return oneLine(parts.join('').replace(/^\./, ''), 120);
}
