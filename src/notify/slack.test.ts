import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Said } from './news.ts';
import { makeNotice } from './notice.ts';
import { escapeTo, slackMessage } from './slack.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 4_000 }),
  fc.constant('<!channel> & <https://evil.example|click> @here https://evil.example \u001b[31m'.repeat(90)),
);
const said: fc.Arbitrary<Said> = fc.oneof(
  fc.constant<Said>({ about: 'opened' }),
  text.map((why): Said => ({ about: 'verdict', verdict: 'confirmed', why })),
  text.map((why): Said => ({ about: 'escalated', why })),
  fc.record({ title: text, risk: text }).map(
    (given): Said => ({
      about: 'approval-wanted',
      approval: { step: 1, have: 0, need: 2, ...given },
    }),
  ),
);
const notice = fc
  .record({
    said,
    title: text,
    runbook: text,
    severity: fc.option(text),
    site: text,
    name: text,
    value: text,
  })
  .map(({ said: what, name, value, ...incident }) =>
    makeNotice({
      id: 'inc-1.1.0-opened.ops',
      at: 0,
      said: what,
      publicUrl: 'https://allclear.example',
      secrets: [],
      incident: {
        id: 'inc-1',
        runbookHash: null,
        state: 'open',
        snapshot: {},
        labels: { [name]: value },
        joinKey: null,
        open: true,
        alertCount: 3,
        openedAt: 0,
        updatedAt: 0,
        closedAt: null,
        seq: 1,
        assignee: null,
        waiting: null,
        ...incident,
      },
    }),
  );

interface Text {
  type: string;
  text: string;
  verbatim?: boolean;
}
const textsIn = (value: unknown): Text[] => {
  if (typeof value !== 'object' || value === null) return [];
  const own = 'text' in value && typeof value.text === 'string' && 'type' in value ? [value as Text] : [];
  return [...own, ...Object.values(value).flatMap(textsIn)];
};

describe('a message for Slack', () => {
  it('keeps to the limits, and nothing from outside becomes markup, whatever comes', () => {
    fc.assert(
      fc.property(notice, (given) => {
        const message = slackMessage(given);
        expect(message.text.length).toBeLessThanOrEqual(3_000);
        const [header, section, fields] = message.blocks as unknown as [
          { text: Text },
          { text: Text },
          { fields: Text[] },
        ];
        expect(header.text.text.length).toBeLessThanOrEqual(150);
        expect(section.text.text.length).toBeLessThanOrEqual(3_000);
        expect(fields.fields.length).toBeLessThanOrEqual(10);
        expect(fields.fields.every((field) => field.text.length <= 2_000)).toBe(true);
        for (const one of textsIn(message.blocks)) {
          expect(one.text.isWellFormed() || !JSON.stringify(given).isWellFormed()).toBe(true);
          if (one.type !== 'mrkdwn') continue;
          expect(one.verbatim).toBe(true);
          expect(one.text).not.toMatch(/[<>]|&(?!(?:amp|lt|gt);)/);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('offers a link and nothing to decide with', () => {
    const [given] = fc.sample(notice, 1);
    const blocks = slackMessage(given!).blocks.filter((block) => block['type'] === 'actions');
    expect(blocks).toEqual([
      {
        type: 'actions',
        elements: [
          expect.objectContaining({ type: 'button', url: 'https://allclear.example/incidents/inc-1' }),
        ],
      },
    ]);
    expect(JSON.stringify(blocks)).not.toMatch(/action_id|value/);
  });

  it('is cut between characters, not within an entity', () => {
    expect(escapeTo('a&b', 10)).toBe('a&amp;b');
    expect(escapeTo('&&&&', 12)).toBe('&amp;&amp;…');
  });
});
