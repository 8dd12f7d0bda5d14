import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AllclearError } from '../kernel/index.ts';
import { curlConfig, mapUrl, ownConfig, parseHostMapping } from './hosts.ts';

describe('a host mapping', () => {
  it.each([
    ['mcp-server=127.0.0.1', { host: 'mcp-server', port: null, toHost: '127.0.0.1', toPort: null }],
    ['mcp-server=127.0.0.1:39090', { host: 'mcp-server', port: null, toHost: '127.0.0.1', toPort: 39090 }],
    ['a.b:9090=[::1]:39090', { host: 'a.b', port: 9090, toHost: '[::1]', toPort: 39090 }],
  ])('is read from %s', (text, expected) => {
    expect(parseHostMapping(text)).toEqual(expected);
  });

  it.each([
    '',
    'mcp-server',
    '=127.0.0.1',
    'a=',
    'a=b:0',
    'a=b:70000',
    'a b=c',
    'a="x"',
    'a=b\nurl=c',
    'http://a=b',
  ])('is refused: %j', (text) => {
    expect(() => parseHostMapping(text)).toThrow(AllclearError);
  });

  it('never puts anything but names, addresses and ports into curl’s configuration', () => {
    assert(
      property(string(), string(), (from, to) => {
        try {
          expect(curlConfig([parseHostMapping(`${from}=${to}`)])).toMatch(/^connect-to = "[\w.:[\]-]+"\n$/);
        } catch (error) {
          expect(error).toMatchObject({ code: 'E_USAGE' });
        }
      }),
    );
  });

  it('keeps the caller’s own .curlrc', () => {
    const folder = mkdtempSync(join(tmpdir(), 'hosts-test-'));
    try {
      writeFileSync(join(folder, '.curlrc'), 'max-time = 5\n');
      expect(ownConfig(folder)).toBe('max-time = 5\n');
      expect(ownConfig(join(folder, 'nowhere'))).toBe('');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('maps a URL as curl would', () => {
    const hosts = ['a:80=h1', 'a=h2:7', 'b=[::1]'].map(parseHostMapping);
    const map = (url: string): string => String(mapUrl(new URL(url), hosts));
    expect(map('http://a/x')).toBe('http://h1/x');
    expect(map('http://a:9090/x?y')).toBe('http://h2:7/x?y');
    expect(map('https://b/')).toBe('https://[::1]/');
    expect(map('http://c:1/')).toBe('http://c:1/');
  });
});
