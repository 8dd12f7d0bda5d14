import type { Operator } from '../engine/index.ts';

/**
 * Who answers in a drill: approves by itself, follows the runbook to the letter, and has nobody to
 * ask. What a runbook leaves to a person's eyes is therefore never passed, and a manual step is skipped:
 * a rehearsal proves only what runs.
 */
export const drillOperator: Operator = {
  proceed: async ({ verdict }) => (verdict === 'confirmed' ? 'proceed' : 'stop'),
  approve: async () => ({ decision: 'approved', by: ['drill'], how: 'policy' }),
  reportManual: async () => ({ outcome: 'skipped', note: 'a drill has no hands' }),
  decideUnknown: async () => 'skip',
  decideFailed: async () => 'abort',
  answer: async () => 'unknown',
  stopEarly: async () => false,
  afterFailedVerify: async (why) => ({ action: 'stop', why }),
};
