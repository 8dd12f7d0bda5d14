import { describe, expect, it } from 'vitest';
import { eventText } from './event-text.ts';
import type { TimelineEvent } from './timeline.ts';

const event = (kind: string, data: object): TimelineEvent =>
  ({ kind, data, seq: 1, at: 0, actor: 'ada' }) as unknown as TimelineEvent;

describe('an event in words', () => {
  it.each([
    [
      'verdict-reached',
      { verdict: 'confirmed', why: 'The rate is high.', readings: [] },
      'verdict: confirmed. The rate is high.',
    ],
    [
      'step-approved',
      { step: 2, title: 'Scale', hash: '', by: ['ada', 'grace'], how: 'person' },
      'step 2 approved by ada and grace: Scale',
    ],
    [
      'step-approved',
      { step: 2, title: 'Scale', hash: '', by: [], how: 'policy' },
      'step 2 approved by policy: Scale',
    ],
    [
      'step-ended',
      { step: 1, title: '', block: 1, attempt: 1, fence: 1, state: 'failed', exit: 7, durationMs: 1500 },
      'step 1, block 2, failed (exit 7) after 1.5 s',
    ],
    [
      'step-unknown',
      { step: 3, title: '', block: 0, attempt: 1, fence: 1, worker: 'host:7' },
      'step 3 is unknown: host:7 fell silent',
    ],
    ['levers-not-released', { error: 'refused' }, 'levers could not be given back: refused'],
  ])('%s', (kind, data, text) => {
    expect(eventText(event(kind, data))).toBe(text);
  });

  it('carries no terminal escapes and stays one line, whatever an alert or a person wrote', () => {
    const text = eventText(event('note', { text: 'a\u001b]0;owned\u0007\nb\u202Ec' + 'x'.repeat(5_000) }));
    expect(text).toMatch(/^note: a bcx+…$/);
    expect(text.length).toBeLessThanOrEqual(600);
  });
});
