import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerText, isCacheable, readResult, resultKey } from './cacheable.ts';
import { readMessage } from './message.ts';

const VERSION = '2026-07-28';
const meta = { 'io.modelcontextprotocol/protocolVersion': VERSION };
const request = (method: string, params: object = {}, more: object = {}) =>
  readMessage(Buffer.from(JSON.stringify({ id: 1, method, params: { _meta: meta, ...params }, ...more })));

describe('isCacheable', () => {
  it.each([
    'server/discover',
    'tools/list',
    'prompts/list',
    'resources/list',
    'resources/templates/list',
    'resources/read',
  ])('takes %s', (method) => {
    expect(isCacheable(request(method), VERSION)).toBe(true);
  });

  it.each([
    ['a call', request('tools/call', { name: 'x' })],
    ['a prompt', request('prompts/get', { name: 'x' })],
    ['one without an id', request('tools/list', {}, { id: null })],
    ['a further round', request('resources/read', { uri: 'a:b', requestState: 'x' })],
    ['an answer to a question', request('resources/read', { uri: 'a:b', inputResponses: {} })],
    ['a task', request('tools/list', { task: {} })],
    ['the older era', readMessage(Buffer.from('{"id":1,"method":"tools/list","params":{}}'))],
  ])('does not take %s', (_name, message) => {
    expect(isCacheable(message, VERSION)).toBe(false);
  });

  it('leaves contradictions between body and header to the server', () => {
    expect(isCacheable(request('tools/list'), undefined)).toBe(false);
    expect(isCacheable(request('tools/list'), '2025-11-25')).toBe(false);
  });
});

const key = (params: object) => resultKey(request('tools/list', params));

describe('resultKey', () => {
  it('is none for params that are nested too deeply to be written', () => {
    const deep: unknown = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`);
    expect(resultKey({ ...request('tools/list'), params: { _meta: meta, deep } })).toBeNull();
  });

  it('is the same whatever a request calls itself or its trace', () => {
    const traced = {
      _meta: { ...meta, progressToken: 7, traceparent: '00-a-b-01', tracestate: 'x', baggage: 'y' },
    };
    expect(key(traced)).toBe(key({}));
    expect(resultKey(request('tools/list', {}, { id: 'other' }))).toBe(key({}));
  });

  it.each([
    { cursor: 'x' },
    { _meta: { ...meta, 'io.modelcontextprotocol/clientCapabilities': { elicitation: {} } } },
    { _meta: { ...meta, 'io.modelcontextprotocol/clientInfo': { name: 'other' } } },
    { _meta: { 'io.modelcontextprotocol/protocolVersion': '2027-01-01' } },
    { _meta: { ...meta, 'example.com/tenant': 'x' } },
  ])('is another one for %j', (params) => {
    expect(key(params)).not.toBe(key({}));
  });
});

describe('readResult and answerText', () => {
  it('give the same message to another request, with its id and what is left of the ttl', () => {
    const text =
      '{"jsonrpc": "2.0", "result": {"n": 12345678901234567890, "ttlMs":60000,"resultType":"complete","cacheScope":"public"}, "id":"a"}';
    const result = readResult(text);
    if (typeof result === 'string') throw new Error(result);
    expect(result.ttlMs).toBe(60_000);
    expect(answerText(result, 'b"', 5)).toBe(
      '{"jsonrpc": "2.0", "result": {"n": 12345678901234567890, "ttlMs":5,"resultType":"complete","cacheScope":"public"}, "id":"b\\""}',
    );
  });

  it('change nothing else, whatever the result, and wherever the id stands', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.boolean(),
        fc.nat(),
        (more, idFirst, ttlMs) => {
          const result = { ...more, resultType: 'complete', cacheScope: 'public', ttlMs: 1 };
          const message = idFirst ? { id: 1, result } : { result, id: 1 };
          const read = readResult(JSON.stringify(message));
          if (typeof read === 'string') throw new Error(read);
          const expected = { ...message, id: 'x', result: { ...result, ttlMs } };
          expect(JSON.parse(answerText(read, 'x', ttlMs))).toEqual(JSON.parse(JSON.stringify(expected)));
        },
      ),
    );
  });

  const complete = { resultType: 'complete', cacheScope: 'public', ttlMs: 1 };
  it.each([
    ['private', { ...complete, cacheScope: 'private' }],
    ['private', { ...complete, cacheScope: undefined }],
    ['private', { ...complete, cacheScope: 'PUBLIC' }],
    ['private', { ...complete, resultType: 'input_required' }],
    ['private', { ...complete, resultType: 'task' }],
    ['private', { ...complete, resultType: undefined }],
    ['private', { ...complete, ttlMs: -1 }],
    ['private', { ...complete, ttlMs: 1.5 }],
    ['private', { ...complete, ttlMs: '60000' }],
    ['private', { ...complete, ttlMs: undefined }],
    ['error', null],
    ['error', [complete]],
  ])('take for %s: %j', (expected, result) => {
    expect(readResult(JSON.stringify({ id: 1, result }))).toBe(expected);
  });

  it('take for an error whatever is no single response, and never throw', () => {
    for (const text of ['', '{', '[]', '{"error":{},"id":1}', 'null']) expect(readResult(text)).toBe('error');
    fc.assert(fc.property(fc.json(), (text) => void readResult(text)));
  });

  it('let no server pin a result for longer than a day', () => {
    const read = readResult(
      JSON.stringify({ id: 1, result: { ...complete, ttlMs: Number.MAX_SAFE_INTEGER } }),
    );
    expect(read).toMatchObject({ ttlMs: 86_400_000 });
  });
});
