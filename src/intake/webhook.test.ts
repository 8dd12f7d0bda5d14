import { assert, dictionary, jsonValue, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AllclearError } from '../kernel/index.ts';
import { MAX_WEBHOOK_ALERTS, parseWebhook } from './webhook.ts';

const STARTS = '2026-11-22T14:29:29.123456789Z';

/** As Alertmanager 0.25 sends it. */
function message(alerts: unknown[], more: object = {}): Record<string, unknown> {
  return {
    version: '4',
    groupKey: '{}/{severity="critical"}:{alertname="Storm"}',
    truncatedAlerts: 0,
    status: 'firing',
    receiver: 'allclear',
    groupLabels: { alertname: 'Storm' },
    commonLabels: {},
    commonAnnotations: {},
    externalURL: 'http://alertmanager:9093',
    alerts,
    ...more,
  };
}

function alert(more: object = {}): Record<string, unknown> {
  return {
    status: 'firing',
    labels: { alertname: 'Storm', job: 'mcp' },
    annotations: { summary: 'many' },
    startsAt: STARTS,
    endsAt: '0001-01-01T00:00:00Z',
    generatorURL: 'http://prometheus:9090/graph?g0.expr=up',
    fingerprint: 'c6eadffa33fcdf37',
    ...more,
  };
}

function refusal(body: unknown): string {
  try {
    parseWebhook(body);
  } catch (error) {
    if (error instanceof AllclearError && error.code === 'E_BAD_VALUE') return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a webhook message', () => {
  it('mixes firing and resolved alerts', () => {
    const resolved = alert({ status: 'resolved', endsAt: '2026-11-22T15:31:00+01:00' });
    expect(parseWebhook(message([alert(), resolved]))).toEqual({
      alerts: [
        {
          status: 'firing',
          labels: { alertname: 'Storm', job: 'mcp' },
          annotations: { summary: 'many' },
          startsAt: Date.parse('2026-11-22T14:29:29.123Z'),
          endsAt: null,
          fingerprint: 'c6eadffa33fcdf37',
          generatorUrl: 'http://prometheus:9090/graph?g0.expr=up',
        },
        expect.objectContaining({ status: 'resolved', endsAt: Date.parse('2026-11-22T14:31:00Z') }),
      ],
      truncated: 0,
      groupKey: '{}/{severity="critical"}:{alertname="Storm"}',
      receiver: 'allclear',
      externalUrl: 'http://alertmanager:9093',
    });
  });

  it('needs nothing but labels and a start', () => {
    const [bare, over] = parseWebhook({
      alerts: [
        { labels: { alertname: 'Storm' }, startsAt: STARTS },
        { labels: { alertname: 'Storm' }, startsAt: STARTS, endsAt: '2026-11-22T15:00:00Z' },
      ],
    }).alerts;
    expect(bare).toMatchObject({ status: 'firing', annotations: {}, endsAt: null, generatorUrl: null });
    // The same as a real Alertmanager computes for this label set.
    expect(bare?.fingerprint).toMatch(/^[0-9a-f]{16}$/);
    expect(over).toMatchObject({ status: 'resolved', fingerprint: bare?.fingerprint });
  });

  it('may have fields of newer versions and of other senders', () => {
    const grafana = message([alert({ silenceURL: 'x', values: { B: 44.2 } })], {
      version: '1',
      orgId: 1,
      title: 'x',
    });
    expect(parseWebhook(grafana).alerts).toHaveLength(1);
    expect(
      parseWebhook(message([alert()], { notification_reason: 'new', routeLabels: {} })).alerts,
    ).toHaveLength(1);
  });

  it('tells how many alerts were left out', () => {
    expect(parseWebhook(message([alert()], { truncatedAlerts: 40 })).truncated).toBe(40);
    const many = parseWebhook(
      message(
        Array.from({ length: MAX_WEBHOOK_ALERTS + 7 }, () => alert()),
        { truncatedAlerts: 2 },
      ),
    );
    expect({ kept: many.alerts.length, truncated: many.truncated }).toEqual({
      kept: MAX_WEBHOOK_ALERTS,
      truncated: 9,
    });
  });

  it.each<[string, unknown, string]>([
    ['no object', 'hello', 'expected object'],
    ['null', null, 'expected object'],
    ['no alerts', {}, 'alerts: '],
    ['alerts that are none', message([7]), 'alerts[0]: '],
    ['a start that is no time', message([alert(), alert({ startsAt: 'yesterday' })]), 'alerts[1].startsAt: '],
    [
      'a start that never was',
      message([alert({ startsAt: '2026-02-30T00:00:00Z' })]),
      'alerts[0].startsAt: ',
    ],
    ['no start', message([alert({ startsAt: undefined })]), 'alerts[0].startsAt: '],
    ['a status of its own', message([alert({ status: 'burning' })]), 'alerts[0].status: '],
    [
      'a label that is no text',
      message([alert({ labels: { job: 7 } })]),
      'alerts[0].labels.job: expected text, received number',
    ],
    [
      'annotations that are no texts',
      message([alert({ annotations: { a: null } })]),
      'alerts[0].annotations.a: ',
    ],
    ['labels that are a list', message([alert({ labels: ['x'] })]), 'alerts[0].labels: '],
    ['fewer than no truncated alerts', message([], { truncatedAlerts: -1 }), 'truncatedAlerts: '],
  ])('is refused with the place of what is wrong: %s', (_, body, place) => {
    expect(refusal(body)).toContain(place);
  });

  it('cannot write to the terminal of whoever reads its refusal', () => {
    expect(refusal(message([alert({ labels: { ['\u001b[2J\u0007'.repeat(500)]: 1 } })]))).not.toMatch(
      /[\u0000-\u001f]/,
    );
  });
});

describe('hostile labels', () => {
  it('are cut and cleaned, and the alert is kept', () => {
    const labels = {
      nul: 'a\0b',
      half: 'a\ud800b',
      long: 'x'.repeat(10_000),
      ...Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`l${index}`, 'y'])),
    };
    const [kept] = parseWebhook(message([alert({ labels })])).alerts;
    expect(kept?.labels).toMatchObject({ nul: 'ab', half: 'a\ufffdb' });
    expect(kept?.labels['long']).toHaveLength(4_096);
    expect(Object.keys(kept?.labels ?? {})).toHaveLength(64);
  });

  it('reach no prototype', () => {
    const body = JSON.stringify(message([alert()])).replace(
      '"job":"mcp"',
      '"__proto__":"x","constructor":"y"',
    );
    const [kept] = parseWebhook(JSON.parse(body)).alerts;
    expect(Object.getPrototypeOf(kept?.labels)).toBe(Object.prototype);
    expect(kept?.labels['constructor']).toBe('y');
  });

  it.each(['javascript:alert(1)', 'file:///etc/passwd', 'http://', `http://${'x'.repeat(3000)}`])(
    'and links that nobody should follow are left out: %s',
    (generatorURL) => {
      expect(parseWebhook(message([alert({ generatorURL })])).alerts[0]?.generatorUrl).toBe(null);
    },
  );

  it('whatever they are, become text that every database holds, of bounded size', () => {
    const texts = dictionary(string({ unit: 'binary' }), string({ unit: 'binary', maxLength: 5_000 }));
    assert(
      property(texts, texts, (labels, annotations) => {
        const [kept] = parseWebhook(message([alert({ labels, annotations })])).alerts;
        const stored = JSON.stringify([kept?.labels, kept?.annotations]);
        expect(stored.length).toBeLessThan(250_000);
        for (const text of Object.entries(kept?.labels ?? {}).flat()) {
          expect(text.isWellFormed() && !text.includes('\0')).toBe(true);
        }
      }),
    );
  });

  it('and any JSON at all gives a message or a refusal', () => {
    assert(
      property(jsonValue(), jsonValue(), (part, other) => {
        for (const body of [part, message([part]), message([alert({ labels: part, endsAt: other })])]) {
          try {
            parseWebhook(body);
          } catch (error) {
            expect(error).toMatchObject({ code: 'E_BAD_VALUE' });
          }
        }
      }),
    );
  });
});
