import { describe, expect, it } from 'vitest';
import { BoundedNames, methodLabel, OTHER, versionLabel } from './labels.ts';

describe('label values from the wire', () => {
  it('keep the first names and give the rest one label', () => {
    const names = new BoundedNames(2);
    expect(['a', 'b', 'c', 'a', ''].map((name) => names.label(name))).toEqual(['a', 'b', OTHER, 'a', '']);
  });

  it('hold no control characters, and no endless text', () => {
    const names = new BoundedNames(10);
    expect(names.label('a\u001b[31m\nb')).toBe('a b');
    expect(names.label('x'.repeat(129))).toBe(OTHER);
  });

  it('know the protocol, and nothing else', () => {
    expect([methodLabel('tools/call'), methodLabel('evil'), methodLabel('')]).toEqual([
      'tools/call',
      OTHER,
      '',
    ]);
    expect([versionLabel('2025-11-25'), versionLabel('9')]).toEqual(['2025-11-25', OTHER]);
  });
});
