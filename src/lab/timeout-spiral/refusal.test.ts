import { describe, expect, it } from 'vitest';
import { askedToWait } from './refusal.ts';

describe('askedToWait', () => {
  it.each([
    ['The tool "search" is overloaded. Retry only after 5 s.', 5],
    ['retry after 2.5 seconds', 2.5],
    ['Try again after 30s, not before', 30],
  ])('reads the pause in %j', (text, seconds) => {
    expect(askedToWait(text)).toBe(seconds);
  });

  it.each([
    'the search index answered 503',
    'nothing found after 5 searches',
    'retry later',
    '',
    `after ${'9'.repeat(9)} s`,
  ])('finds none in %j', (text) => {
    expect(askedToWait(text)).toBeNull();
  });
});
