import { array, assert, asyncProperty, integer, record, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readMessages, type StreamMessage } from './event-stream.ts';

async function* pieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function read(text: string, size = 7): Promise<StreamMessage[]> {
  return all(readMessages(pieces(text, size)));
}

describe('a stream of events', () => {
  it.each([
    ['data: a\n\n', [{ id: '', data: 'a' }]],
    [
      'id: 1\ndata: a\n\ndata: b\n\n',
      [
        { id: '1', data: 'a' },
        { id: '1', data: 'b' },
      ],
    ],
    ['data: a\ndata: b\n\n', [{ id: '', data: 'a\nb' }]],
    [':\n\n: beat\n\nretry: 2000\n\nid: 3\n\ndata:x\n\n', [{ id: '3', data: 'x' }]],
    ['id: 1\r\ndata: ä\r\n\r\n', [{ id: '1', data: 'ä' }]],
    ['data\n\n', [{ id: '', data: '' }]],
    ['data:  a: b\n\n', [{ id: '', data: ' a: b' }]],
    ['data: not ended\n', []],
  ])('%j', async (text, expected) => {
    for (const size of [1, 2, 3, 1_000]) expect(await read(text, size)).toEqual(expected);
  });

  it('comes out as it went in, however it is cut', async () => {
    const message = record({ id: integer({ min: 0 }), data: string({ unit: 'grapheme' }) });
    await assert(
      asyncProperty(array(message), integer({ min: 1, max: 20 }), async (messages, size) => {
        const text = messages
          .map(({ id, data }) => `id: ${id}\ndata: ${JSON.stringify(data)}\n\n`)
          .join(':\n\n');
        const seen = await read(text, size);
        expect(seen.map(({ id, data }) => ({ id: Number(id), data: JSON.parse(data) as string }))).toEqual(
          messages,
        );
      }),
    );
  });

  it('without end is given up', async () => {
    const endless = (async function* () {
      for (;;) yield new TextEncoder().encode('x'.repeat(100_000));
    })();
    await expect(all(readMessages(endless))).rejects.toThrow(RangeError);
  });
});
