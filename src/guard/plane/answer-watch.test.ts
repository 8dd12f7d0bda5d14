import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnswerWatch } from './answer-watch.ts';

const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };
const SSE_TYPE = { 'content-type': 'text/event-stream' };
const FILL = 'x'.repeat(40_000);

/** What the watch says of these bytes, when they come in pieces of `size`. */
function outcome(headers: Record<string, string>, text: string, size = 1 << 20): string {
  const watch = AnswerWatch.for(headers)!;
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) watch.data(bytes.subarray(at, at + size));
  return watch.outcome();
}

const rpc = (more: object) => JSON.stringify({ jsonrpc: '2.0', id: 1, ...more });
const event = (data: string) => `event: message\nid: 7\ndata: ${data}\n\n`;
const failed = { result: { content: [{ type: 'text', text: 'no' }], isError: true } };
const note = JSON.stringify({
  method: 'notifications/message',
  params: { level: 'error', data: '"error":' },
});

const answers: [name: string, outcome: string, answer: string][] = [
  ['a success', '', rpc({ result: { content: [{ type: 'text', text: 'fine' }], isError: false } })],
  ['an internal error', '-32603', rpc({ error: { code: -32_603, message: 'Subscription limit reached' } })],
  ['an unknown code', '_OTHER', rpc({ error: { code: 1234, message: '' } })],
  ['a code that is no number', '_OTHER', rpc({ error: { code: '-32603' } })],
  ['a failed tool', 'tool_error', rpc(failed)],
  ['a failed tool with the id last', 'tool_error', JSON.stringify({ ...failed, jsonrpc: '2.0', id: 'a' })],
  [
    'a success that speaks of errors',
    '',
    rpc({ result: { structuredContent: { error: 'x', isError: true } } }),
  ],
  ['a success that quotes an error', '', rpc({ result: { content: [{ type: 'text', text: rpc(failed) }] } })],
  ['a long success', '', rpc({ result: { content: [{ type: 'text', text: FILL }] } })],
  ['a long failed tool', 'tool_error', rpc({ result: { content: [{ text: FILL }], isError: true } })],
];

describe('AnswerWatch', () => {
  it.each(answers)(
    'reads %s, in JSON and in an event stream, in whatever pieces',
    (_name, expected, answer) => {
      for (const size of [1 << 20, 1400, 37]) {
        expect(outcome(JSON_TYPE, answer, size)).toBe(expected);
        expect(outcome(SSE_TYPE, event(answer), size)).toBe(expected);
        const busy = event(note).repeat(500) + event(answer) + ': bye\n\n';
        expect(outcome(SSE_TYPE, busy, size)).toBe(expected);
      }
    },
  );

  it('reads the beginning of a long answer in JSON', () => {
    const told = { result: { isError: true, content: [{ text: FILL }] } };
    expect(outcome(JSON_TYPE, rpc(told))).toBe('tool_error');
    expect(outcome(JSON_TYPE, rpc(told), 37)).toBe('tool_error');
    expect(outcome(JSON_TYPE, rpc({ error: { code: -32_602, message: 'm', data: FILL } }))).toBe('-32602');
  });

  it('reads a batch, and event streams with other line ends', () => {
    const batch = `[${rpc({ result: {} })},${rpc({ error: { code: -32_601, message: '' } })}]`;
    expect(outcome(JSON_TYPE, batch)).toBe('-32601');
    expect(outcome(SSE_TYPE, `data: ${rpc(failed)}\r\n\r\n`)).toBe('tool_error');
    expect(outcome(SSE_TYPE, `data: ${rpc(failed)}`)).toBe('tool_error');
  });

  it('does not look at what it cannot read', () => {
    expect(AnswerWatch.for({ 'content-type': 'text/html' })).toBeNull();
    expect(AnswerWatch.for({})).toBeNull();
    expect(AnswerWatch.for({ ...JSON_TYPE, 'content-encoding': 'gzip' })).toBeNull();
    expect(outcome(JSON_TYPE, '{"error":')).toBe('');
    expect(outcome(JSON_TYPE, '')).toBe('');
    expect(outcome(SSE_TYPE, 'data: {"error":\n\n')).toBe('');
  });

  it('says one of a few words, quickly, whatever the bytes', () => {
    const words = /^(?:|tool_error|_OTHER|-32\d{3})$/;
    const part = fc.constantFrom(
      '"error"',
      '"isError"',
      ':',
      'true',
      '{',
      '}',
      '[',
      ']',
      ',',
      '"id"',
      '1',
      ' ',
      '\n\n',
      'data:',
    );
    const bytes = fc.array(part, { maxLength: 60 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(bytes, fc.nat(2000), fc.boolean(), (text, times, stream) => {
        const before = performance.now();
        expect(outcome(stream ? SSE_TYPE : JSON_TYPE, text.repeat(times), 4096)).toMatch(words);
        expect(performance.now() - before).toBeLessThan(1000);
      }),
    );
  });
});
