import { describe, expect, it } from 'vitest';
import { refusalOutcome, toolEnd } from './tool-outcome.ts';

describe('toolEnd', () => {
  it.each([
    ['', 'ok', 'answers'],
    ['tool_error', 'tool_error', 'answers'],
    ['-32603', 'error', 'answers'],
    ['_OTHER', 'error', 'answers'],
    ['timeout', 'timeout', 'fails'],
    ['broken', 'error', 'fails'],
    ['500', 'error', 'fails'],
    ['502', 'error', 'fails'],
    ['503', 'error', 'fails'],
    ['504', 'error', 'fails'],
    ['400', 'error', 'nothing'],
    ['401', 'error', 'nothing'],
    ['404', 'error', 'nothing'],
    ['429', 'error', 'nothing'],
    ['cancelled', 'cancelled', 'nothing'],
  ] as const)('takes "%s" for %s, which as evidence says: %s', (error, outcome, evidence) => {
    expect(toolEnd(error)).toMatchObject({ outcome, evidence });
  });

  it('takes an equal call for a retry where the tool may have run, and for none after a success or a 4xx', () => {
    const again = (errors: readonly string[]) => errors.map((error) => toolEnd(error).again);
    const retried = ['tool_error', '-32603', 'timeout', 'broken', '500', '503', '429', 'cancelled'];
    expect(again(retried)).toEqual(retried.map(() => 'retry'));
    expect(again(['400', '401', '403', '404'])).toEqual(['resend', 'resend', 'resend', 'resend']);
    expect(again([''])).toEqual(['poll']);
  });
});

describe('refusalOutcome', () => {
  it('counts what an operator holds with what the breaker refuses', () => {
    expect((['held', 'breaker', 'busy', 'retry'] as const).map(refusalOutcome)).toEqual([
      'rejected_breaker',
      'rejected_breaker',
      'rejected_busy',
      'rejected_retry',
    ]);
  });
});
