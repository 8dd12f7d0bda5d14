import { describe, expect, it } from 'vitest';
import { KeyedHash } from './keyed-hash.ts';

describe('KeyedHash', () => {
  it('gives equal secrets equal names, and different ones different names', () => {
    const hash = new KeyedHash();
    expect(hash.of('a')).toBe(hash.of('a'));
    expect(hash.of('a')).not.toBe(hash.of('b'));
    expect(hash.ofAll(['a', 'b'])).not.toBe(hash.ofAll(['ab']));
    expect(hash.ofAll(['a', ''])).not.toBe(hash.ofAll(['', 'a']));
  });

  it('gives names that say nothing without the key of the process', () => {
    expect(new KeyedHash().of('a')).not.toBe(new KeyedHash().of('a'));
    expect(new KeyedHash().of('secret')).not.toContain('secret');
  });
});
