import { Agent, request } from 'undici';
import type { Service } from './service.ts';

/** The body of one webhook message. */
export type Delivery = string;

const agent = new Agent({ connections: 64, headersTimeout: 120_000, bodyTimeout: 120_000 });

interface Storm {
  readonly alerts: number;
  /** Systems that are affected: incidents. */
  readonly causes: number;
  readonly aMessage: number;
  /** Number of the first message, so that alerts are new. */
  readonly from?: number;
  readonly name?: string;
}

/** Messages as Alertmanager writes them, of about 700 bytes an alert; each message is about one cause. */
export function storm({ alerts, causes, aMessage, from = 0, name = 'storm' }: Storm): Delivery[] {
  return Array.from({ length: alerts / aMessage }, (_, message) =>
    JSON.stringify({
      version: '4',
      status: 'firing',
      receiver: 'allclear',
      groupKey: `{}:{cluster="${name}-${message % causes}"}`,
      truncatedAlerts: 0,
      groupLabels: { alertname: 'Storm' },
      commonLabels: { alertname: 'Storm', severity: 'critical' },
      commonAnnotations: {},
      externalURL: 'http://127.0.0.1:9093',
      alerts: Array.from({ length: aMessage }, (__, index) =>
        alert(`${name}-${message % causes}`, `${name}-${from + message}-${index}`),
      ),
    }),
  );
}

function alert(cluster: string, instance: string) {
  return {
    status: 'firing',
    labels: {
      alertname: 'Storm',
      cluster,
      instance,
      job: 'mcp-guard',
      severity: 'critical',
      namespace: 'agents',
    },
    annotations: {
      summary: '812 MCP clients wait for a session',
      description:
        'The clients of an MCP server reconnect faster than it can shake hands with them, and give up before they are answered. It does not heal by itself.',
      runbook_url: 'https://git.example/ops/runbooks/storm.md',
    },
    startsAt: '2026-01-01T00:00:00.123Z',
    endsAt: '0001-01-01T00:00:00Z',
    generatorURL:
      'http://prometheus:9090/graph?g0.expr=sum+by+%28job%29+%28mcp_initialize_queue_depth%29+%3E+50',
    fingerprint: `fp-${instance}`,
  };
}

/** Sends one message as Alertmanager does: what is answered 503 is sent again. */
export async function deliver(service: Service, body: Delivery): Promise<void> {
  for (;;) {
    const { statusCode, body: answer } = await request(service.webhook, {
      method: 'POST',
      dispatcher: agent,
      headers: { authorization: `Bearer ${service.token}`, 'content-type': 'application/json' },
      body,
    });
    const text = await answer.text();
    if (statusCode === 200) return;
    if (statusCode !== 503) throw new Error(`the webhook answered ${statusCode}: ${text}`);
  }
}
