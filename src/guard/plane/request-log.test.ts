import { describe, expect, it } from 'vitest';
import { readMessage } from '../policy/message.ts';
import { RequestLog, type RequestLogging, traceOf } from './request-log.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

function logged(which: RequestLogging, error: string, body: object, headers: Record<string, string> = {}) {
  const entries: object[] = [];
  const req = { method: 'POST', url: '/mcp?token=secret', headers, socket: { remoteAddress: '127.0.0.1' } };
  const log = new RequestLog((entry) => void entries.push(entry), which);
  if (!log.wants(error)) return [];
  log.note({
    req: req as never,
    res: { headersSent: true, statusCode: 200 },
    message: readMessage(Buffer.from(JSON.stringify(body))),
    error,
    version: '2025-11-25',
    seconds: 0.0123456789,
    upstream: 'http://a:1',
  });
  return entries;
}

const call = (name: string, more: object = {}) => ({
  jsonrpc: '2.0',
  id: 7,
  method: 'tools/call',
  params: { name, arguments: { password: 'hunter2' }, ...more },
});

describe('RequestLog', () => {
  it('tells a mistake of ours, whatever is logged', () => {
    const entries: object[] = [];
    new RequestLog((entry) => void entries.push(entry), 'none').unforeseen(new RangeError('too deep'));
    expect(entries).toMatchObject([{ event: 'request-failed', why: 'too deep' }]);
  });

  it('names what happened as OpenTelemetry does, and nothing that is secret', () => {
    const headers = {
      traceparent: `00-${TRACE}-${SPAN}-01`,
      authorization: 'Bearer xyz',
      'mcp-session-id': 's1',
    };
    const [entry] = logged('all', 'tool_error', call('search'), headers);
    expect(entry).toMatchObject({
      event: 'request',
      'url.path': '/mcp',
      'http.response.status_code': 200,
      'mcp.method.name': 'tools/call',
      'gen_ai.tool.name': 'search',
      'error.type': 'tool_error',
      duration_seconds: 0.012346,
      trace_id: TRACE,
      span_id: SPAN,
    });
    expect(JSON.stringify(entry)).not.toMatch(/hunter2|xyz|s1"|secret/);
  });

  it('is silent, tells of failures, or tells of all, as it was asked', () => {
    expect(logged('none', 'timeout', call('x'))).toEqual([]);
    expect(logged('errors', '', call('x'))).toEqual([]);
    expect(logged('errors', 'timeout', call('x'))).toHaveLength(1);
    expect(logged('all', '', call('x'))).toHaveLength(1);
  });

  it('cuts and cleans what comes from the wire', () => {
    const [entry] = logged('all', '', call(`a\u001b[2J\n${'x'.repeat(5000)}`)) as [Record<string, string>];
    const name = entry['gen_ai.tool.name']!;
    expect(name.length).toBeLessThanOrEqual(200);
    expect(name).not.toMatch(/[\u001b\n]/);
  });
});

describe('traceOf', () => {
  const none = { params: null };

  it('takes the header before _meta, and what is valid before what is not', () => {
    const meta = { params: { _meta: { traceparent: `00-${TRACE}-${SPAN}-00` } } };
    expect(traceOf({ headers: {} }, meta)).toEqual({ trace_id: TRACE, span_id: SPAN });
    const other = 'a'.repeat(32);
    expect(traceOf({ headers: { traceparent: `00-${other}-${SPAN}-01` } }, meta).trace_id).toBe(other);
    expect(traceOf({ headers: { traceparent: 'junk' } }, meta).trace_id).toBe(TRACE);
  });

  it.each([
    '',
    'junk',
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE}-${SPAN}`,
  ])('ignores %j', (traceparent) => {
    expect(traceOf({ headers: { traceparent } }, none)).toEqual({});
  });
});
