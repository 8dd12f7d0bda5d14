import { StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ErrorCode, McpError } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, it } from 'vitest';
import { failureKind } from './failure-kind.ts';

function coded(code: string): Error {
  return Object.assign(new Error(code), { code });
}

describe('failureKind', () => {
  it.each([
    ['the SDK gave up waiting', new McpError(ErrorCode.RequestTimeout, 'Request timed out'), 'timeouts'],
    ['no head of an answer came', coded('UND_ERR_HEADERS_TIMEOUT'), 'timeouts'],
    ['no connection came about', coded('UND_ERR_CONNECT_TIMEOUT'), 'timeouts'],
    ['nobody listens', coded('ECONNREFUSED'), 'refused'],
    ['the connection broke', coded('UND_ERR_SOCKET'), 'refused'],
    ['the guard refused', new StreamableHTTPError(503, 'busy'), 'rejected'],
    ['too many requests', new StreamableHTTPError(429, 'busy'), 'rejected'],
    ['the gateway found no server', new StreamableHTTPError(502, 'bad gateway'), 'errors'],
    ['the session is gone', new StreamableHTTPError(404, 'Session not found'), 'errors'],
    ['the server answered an error', new McpError(ErrorCode.InvalidParams, 'no'), 'errors'],
    ['something else was thrown', 'a string', 'errors'],
  ])('%s', (_, error, kind) => {
    expect(failureKind(error)).toBe(kind);
  });

  it('looks into causes, and stops in a circle of them', () => {
    expect(failureKind(new Error('fetch failed', { cause: coded('ECONNREFUSED') }))).toBe('refused');
    const circle = new Error('circle');
    circle.cause = circle;
    expect(failureKind(circle)).toBe('errors');
  });
});
