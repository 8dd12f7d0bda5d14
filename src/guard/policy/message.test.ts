import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readMessage } from './message.ts';

const read = (value: unknown) => readMessage(Buffer.from(JSON.stringify(value)));

describe('readMessage', () => {
  it.each([
    [
      { jsonrpc: '2.0', id: 1, method: 'initialize' },
      { kind: 'initialize', method: 'initialize', tool: '' },
    ],
    [
      { method: 'tools/call', id: 0, params: { name: 'x' } },
      { kind: 'request', method: 'tools/call', tool: 'x' },
    ],
    [
      { method: 'tools/call', id: 0, params: { name: 7 } },
      { kind: 'request', method: 'tools/call', tool: '' },
    ],
    [
      { method: 'prompts/get', id: 0, params: { name: 'x' } },
      { kind: 'request', method: 'prompts/get', tool: '' },
    ],
    [
      { method: 'notifications/initialized' },
      { kind: 'one-way', method: 'notifications/initialized', tool: '' },
    ],
    [
      { id: 1, result: {} },
      { kind: 'one-way', method: '', tool: '' },
    ],
    [
      [
        { method: 'ping', id: 1 },
        { method: 'initialize', id: 2 },
      ],
      { kind: 'initialize', method: 'batch', tool: '' },
    ],
    [
      [
        { method: 'ping', id: 1 },
        { id: 2, result: {} },
      ],
      { kind: 'request', method: 'batch', tool: '' },
    ],
    [[{ method: 'notifications/x' }], { kind: 'one-way', method: 'batch', tool: '' }],
    [42, { kind: 'opaque', method: '', tool: '' }],
    [null, { kind: 'opaque', method: '', tool: '' }],
    [
      { method: 5, id: 1 },
      { kind: 'opaque', method: '', tool: '' },
    ],
  ])('reads %j', (value, message) => {
    expect(read(value)).toMatchObject(message);
  });

  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(readMessage(Buffer.from(bytes)).kind).toBeTypeOf('string');
      }),
    );
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(readMessage(Buffer.from(text)).kind).toBeTypeOf('string');
      }),
    );
  });
});
