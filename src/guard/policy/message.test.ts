import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idText, readMessage } from './message.ts';

const read = (value: unknown) => readMessage(Buffer.from(JSON.stringify(value)));

describe('readMessage', () => {
  it.each([
    ['7', 7],
    ['-1.5', -1.5],
    ['"a"', 'a'],
    ['9007199254740993', 9007199254740993n],
    ['-12345678901234567890', -12345678901234567890n],
    ['1e20', 1e20],
  ])('takes the id %s as it is written', (written, id) => {
    const message = readMessage(
      Buffer.from(
        ` {"params": {"id": 12345678901234567, "x": "\\"id"}, "id" : ${written} ,"method": "ping"}`,
      ),
    );
    expect(message.id).toBe(id);
    expect(Number(idText(message.id))).toBe(Number(id));
    if (typeof id === 'bigint') expect(idText(message.id)).toBe(written);
  });

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
