import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ListenReply } from './listen-reply.ts';
import type { Reply } from './reply.ts';

/** What is heard of a stream that comes in pieces of `size`, and what passes. */
function listen(text: string, size: number): { heard: string[]; passed: string } {
  const heard: string[] = [];
  const pieces: Buffer[] = [];
  const reply = { write: (chunk: Buffer) => pieces.push(chunk) > 0 } as unknown as Reply;
  const one = new ListenReply(reply, (method, params) => heard.push(`${method} ${JSON.stringify(params)}`));
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) one.write(bytes.subarray(at, at + size));
  return { heard, passed: Buffer.concat(pieces).toString() };
}

const event = (method: string, uri: string, end = '\n') =>
  `event: message${end}data: ${JSON.stringify({ jsonrpc: '2.0', method, params: { uri } })}${end}${end}`;

describe('ListenReply', () => {
  it('hears every notification, in whatever pieces, and passes every byte', () => {
    const text = `: hello\n\n${event('notifications/a', 'ü')}${event('notifications/b', 'x', '\r\n')}retry: 7\n\n${event('notifications/c', '€')}`;
    for (const size of [1, 2, 3, 7, 50, 10_000]) {
      const { heard, passed } = listen(text, size);
      expect(heard).toEqual([
        'notifications/a {"uri":"ü"}',
        'notifications/b {"uri":"x"}',
        'notifications/c {"uri":"€"}',
      ]);
      expect(passed).toBe(text);
    }
  });

  it('does not keep an event without end, and hears the next one', () => {
    const text = `data: notifications/${'x'.repeat(200_000)}\n\n${event('notifications/b', 'x')}`;
    for (const size of [1000, 65_535, 300_000])
      expect(listen(text, size).heard.at(-1)).toContain('notifications/b');
  });

  it('hears no requests, answers or nonsense, and never throws', () => {
    const answer = `data: {"id":1,"result":{"x":"notifications/a"}}\n\ndata: {"id":1,"method":"notifications/a"}\n\ndata: notifications/\n\n`;
    expect(listen(answer, 9).heard).toEqual([]);
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => void listen(`${text}notifications/\n\n`, 5)),
    );
  });
});
