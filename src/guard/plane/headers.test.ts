import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import { UpstreamSet } from '../policy/upstreams.ts';
import { requestHeaders, responseHeaders } from './headers.ts';
import { throughGuard, upstreamPath } from './path.ts';

function request(...raw: string[]): IncomingMessage {
  const headers: Record<string, string> = {};
  for (let index = 0; index < raw.length; index += 2) headers[raw[index]!.toLowerCase()] = raw[index + 1]!;
  return { rawHeaders: raw, headers, socket: { remoteAddress: '10.0.0.9' } } as unknown as IncomingMessage;
}

describe('requestHeaders', () => {
  it('passes what is end to end, trace context included, and drops what belongs to the connection', () => {
    const req = request(
      'Host',
      'guard:8080',
      'Connection',
      'keep-alive, X-Private',
      'X-Private',
      '1',
      'Keep-Alive',
      '5',
      'Content-Length',
      '3',
      'Transfer-Encoding',
      'chunked',
      'Expect',
      '100-continue',
      'Upgrade',
      'h2c',

      'traceparent',
      '00-ab-cd-01',
      'Mcp-Session-Id',
      's',
      'Authorization',
      'Bearer t',
      'Origin',
      'http://o',
    );
    expect(requestHeaders(req)).toEqual([
      'traceparent',
      '00-ab-cd-01',
      'Mcp-Session-Id',
      's',
      'Authorization',
      'Bearer t',
      'Origin',
      'http://o',
      'x-forwarded-for',
      '10.0.0.9',
      'x-forwarded-host',
      'guard:8080',
      'x-forwarded-proto',
      'http',
    ]);
  });

  it('appends to the chain of an outer proxy', () => {
    const req = request(
      'X-Forwarded-For',
      '1.2.3.4',
      'X-Forwarded-Host',
      'public',
      'X-Forwarded-Proto',
      'https',
      'Host',
      'g',
    );
    expect(requestHeaders(req)).toEqual([
      'x-forwarded-for',
      '1.2.3.4, 10.0.0.9',
      'x-forwarded-host',
      'public',
      'x-forwarded-proto',
      'https',
    ]);
  });
});

describe('responseHeaders', () => {
  it('keeps names, order and repeated headers, and drops those of the connection', () => {
    const raw = [
      'Content-Type',
      'text/event-stream',
      'Set-Cookie',
      'a',
      'Set-Cookie',
      'b',
      'Connection',
      'x-hop',
      'X-Hop',
      '1',
    ];
    expect(responseHeaders(raw)).toEqual([
      'Content-Type',
      'text/event-stream',
      'Set-Cookie',
      'a',
      'Set-Cookie',
      'b',
    ]);
  });
});

describe('upstreamPath', () => {
  it.each([
    ['http://h', '/mcp?x=1', '/mcp?x=1'],
    ['http://h/mcp', '/mcp', '/mcp'],
    ['http://h/mcp', '/mcp?x=1', '/mcp?x=1'],
    ['http://h/mcp', '/', '/mcp'],
    ['http://h/mcp', '/mcpx', '/mcp/mcpx'],
    ['http://h/base', '/mcp', '/base/mcp'],
    ['http://h/base', '/.well-known/oauth-protected-resource', '/.well-known/oauth-protected-resource'],
    ['http://h', 'http://elsewhere/admin?x=1', '/admin?x=1'],
    ['http://h/base', 'HTTPS://elsewhere:1?x', '/base/?x'],
    ['http://h/base', '*', '*'],
  ])('for %s and %s is %s', (upstream, url, path) => {
    expect(upstreamPath(new UpstreamSet(new TestClock()).set([upstream]).added[0]!, url)).toBe(path);
  });
});

describe('throughGuard', () => {
  it.each([
    ['http://h:3001/mcp/?a=b', 'http', '/mcp/?a=b'],
    ['https://h:3001/mcp/', 'https', '/mcp/'],
    ['http://h:3001', 'http', '/'],
    // A server that wants to be asked over TLS says so to the client.
    ['https://h:3001/mcp', 'http', 'https://h:3001/mcp'],
    ['http://h:3002/mcp', 'http', 'http://h:3002/mcp'],
    ['http://h:3001.evil/mcp', 'http', 'http://h:3001.evil/mcp'],
    ['/mcp/', 'http', '/mcp/'],
    ['mcp/', 'http', 'mcp/'],
  ])('of %s for a client that uses %s is %s', (location, scheme, told) => {
    const upstream = new UpstreamSet(new TestClock()).set(['http://h:3001/base']).added[0]!;
    expect(throughGuard(location, upstream, scheme)).toBe(told);
  });
});
