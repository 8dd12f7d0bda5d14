import { describe, expect, it } from 'vitest';
import { hostCheck } from './host-check.ts';

describe('the check of Host', () => {
  it('lets loopback names and addresses through to a loopback listener', () => {
    const check = hostCheck(true);
    for (const host of [
      'localhost',
      'localhost:8080',
      'a.localhost',
      '127.0.0.1:1',
      '[::1]:8080',
      '10.0.0.7',
      undefined,
    ]) {
      expect(check(host)).toBeNull();
      expect(check(host)).toBeNull();
    }
  });

  it('finds other names foreign there, also after one that was let through', () => {
    const check = hostCheck(true);
    expect(check('localhost')).toBeNull();
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:80', '']) {
      expect(check(host)).toBe('foreign');
      expect(check(host)).toBe('foreign');
    }
  });

  it('lets any name through elsewhere, but never two', () => {
    expect(hostCheck(false)('mcp.example.com')).toBeNull();
    expect(hostCheck(false)('mcp.example.com, localhost')).toBe('several');
    expect(hostCheck(true)('localhost, localhost')).toBe('several');
  });
});
