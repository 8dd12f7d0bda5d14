import { describe, expect, it } from 'vitest';
import { type OwnNames, requireOwnNames, requireOwnPage } from './hosts.ts';

const bare: OwnNames = { publicUrl: null, hosts: [] };
const named: OwnNames = { publicUrl: new URL('https://allclear.example.org/'), hosts: ['allclear.internal'] };

describe('the names the service answers to', () => {
  it.each([
    '127.0.0.1:8080',
    '127.0.0.1',
    'localhost:8080',
    'LOCALHOST',
    'localhost.',
    '[::1]:8080',
    '10.1.2.3',
    '',
  ])('always: %j, which no page can make its own', (host) =>
    expect(() => requireOwnNames({ host }, bare)).not.toThrow(),
  );

  it.each(['allclear.example.org', 'Allclear.Example.org:443', 'allclear.internal:8080'])(
    'when told: %s',
    (host) => {
      expect(() => requireOwnNames({ host }, named)).not.toThrow();
      expect(() => requireOwnNames({ host }, bare)).toThrow(expect.objectContaining({ code: 'E_HOST' }));
    },
  );

  it.each([
    'evil.example',
    '127.0.0.1.evil.example',
    'localhost.evil.example:8080',
    'allclear.example.org.evil.example',
    'evil.example:127.0.0.1',
    '[::1].evil.example',
    'user@localhost',
    '[',
    'allclear.example.org:80:80',
  ])('never: %s', (host) => {
    expect(() => requireOwnNames({ host }, named)).toThrow(expect.objectContaining({ code: 'E_HOST' }));
  });
});

describe('the pages that may call', () => {
  it.each([
    ['127.0.0.1:8080', 'http://127.0.0.1:8080'],
    ['localhost', 'http://localhost'],
    ['allclear.internal', 'https://allclear.internal'],
    ['127.0.0.1:8080', 'https://allclear.example.org'],
    ['[::1]:8080', 'http://[::1]:8080'],
  ])('at %s: %s', (host, origin) => {
    expect(() => requireOwnNames({ host, origin }, named)).not.toThrow();
    expect(() => requireOwnPage({ host, origin }, named)).not.toThrow();
  });

  it.each([
    ['127.0.0.1:8080', 'http://127.0.0.1:8081'],
    ['127.0.0.1:8080', 'http://localhost:8080'],
    ['localhost', 'null'],
    ['localhost', ''],
    ['localhost', 'http://localhost.evil.example'],
    ['127.0.0.1:8080', 'http://allclear.example.org'],
    ['127.0.0.1:8080', 'https://evil.allclear.example.org'],
    ['localhost', 'file://localhost'],
  ])('at %s, not: %j', (host, origin) => {
    expect(() => requireOwnNames({ host, origin }, named)).toThrow(
      expect.objectContaining({ code: 'E_ORIGIN' }),
    );
  });

  it('what a browser changes must say where it comes from', () => {
    expect(() => requireOwnNames({ host: 'localhost' }, named)).not.toThrow();
    expect(() => requireOwnPage({ host: 'localhost' }, named)).toThrow(
      expect.objectContaining({ code: 'E_ORIGIN' }),
    );
  });
});
