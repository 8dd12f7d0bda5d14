import { describe, expect, it } from 'vitest';
import { shortcomingsOf } from './shortcomings.ts';

const proven = {
  control: { verdict: 'ruled-out' },
  alert: { name: 'McpSessionStorm', runbook_url: 'runbooks/session-storm.md' },
  diagnosis: { verdict: 'confirmed', why: '', readings: [] },
  verifyBeforeFix: 'failed',
  steps: [{ title: 'Pace the handshakes', outcome: 'done' }],
  verified: true,
  clients: { total: 1000, lost: 1000, recovered: 990 },
  others: [{ runbook: 'tool-timeout-spiral', verdict: 'ruled-out' }],
  words: { having: 'a session', attempts: 'handshakes', losses: 'sessions', tooSmall: 'give more --clients' },
} as const;

describe('shortcomingsOf', () => {
  it('finds none in a rehearsal where everything happened as it must', () => {
    expect(shortcomingsOf(proven)).toEqual([]);
  });

  it.each([
    [
      'a signature that fires on the healthy system',
      { control: { verdict: 'confirmed' } },
      'on the healthy system',
    ],
    ['a signature that cannot rule out', { control: { verdict: 'inconclusive' } }, 'on the healthy system'],
    [
      'an alert that never fires',
      { alert: null, clients: { total: 1000, lost: 1000, recovered: 0 } },
      'no alert',
    ],
    ['an alert without a link', { alert: { name: 'A', runbook_url: '' } }, 'no runbook_url'],
    [
      'a diagnosis that misses the failure',
      { diagnosis: { ...proven.diagnosis, verdict: 'ruled-out' } },
      'not confirmed',
    ],
    ['a Verify that passes during the failure', { verifyBeforeFix: 'passed' }, 'proves nothing'],
    [
      'a step that nobody can carry out',
      { steps: [{ title: 'Call a friend', outcome: 'skipped' }] },
      'Call a friend',
    ],
    ['a fix that does not hold', { verified: false }, 'not verified'],
    ['clients that stay away', { clients: { total: 1000, lost: 1000, recovered: 989 } }, '989 of 1000'],
    [
      'another runbook that claims the failure',
      { others: [{ runbook: 'spiral', verdict: 'confirmed' }] },
      'spiral',
    ],
  ] as const)('names %s', (_, change, words) => {
    const found = shortcomingsOf({ ...proven, ...change });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(words);
  });

  it('says when the failure was too small to be one', () => {
    expect(shortcomingsOf({ ...proven, alert: null }).at(-1)).toContain('recovered by themselves');
  });
});
