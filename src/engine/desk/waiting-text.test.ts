import { expect, it } from 'vitest';
import type { Waiting } from './waiting.ts';
import { waitingText } from './waiting-text.ts';

const next = {
  step: 1,
  title: 'Pace',
  risk: 'reversible',
  run: 1,
  have: [],
  need: 1,
  manual: false,
} as const;

it.each([
  ['confirmed', next, ['approve', 'escalate']],
  ['inconclusive', next, ['approve', 'close']],
  ['ruled-out', { ...next, manual: true }, ['report', 'close']],
  ['confirmed', null, ['verify', 'escalate']],
] as const)('an incident that is %s names only commands that it takes', (verdict, first, verbs) => {
  const waiting: Waiting = { kind: 'begin', verdict, why: 'why', next: first && { ...first, have: [] } };
  const { commands } = waitingText(waiting, 'inc-1');
  expect(commands.map((line) => line.split(' ')[2])).toEqual(verbs);
});
