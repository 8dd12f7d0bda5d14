import { assert, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { localPath } from './return-to.ts';

describe('where a log-in leads to', () => {
  it.each(['/', '/incidents/inc-1', '/a?b=c&d=%2F%2Fx#e', '/a//b'])('a path of our own: %s', (path) =>
    expect(localPath(path)).toBe(path),
  );

  it.each([
    undefined,
    '',
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/\t/evil.example',
    '/.//evil.example',
    '/..//evil.example',
    '/a/..//evil.example',
    'javascript:alert(1)',
    '/login?return-to=/',
    '/logout',
    `/${'x'.repeat(2_000)}`,
  ])('nowhere else: %s', (path) => expect(localPath(path)).toBe('/'));

  it('is never another site, whatever is wanted', () => {
    assert(
      property(string({ unit: 'grapheme' }), (text) => {
        for (const wanted of [text, `/${text}`, `//${text}`])
          expect(new URL(localPath(wanted), 'https://own.example').origin).toBe('https://own.example');
      }),
    );
  });
});
