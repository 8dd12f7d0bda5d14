import type { ServerResponse } from 'node:http';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RetryStamper } from './sse.ts';

function sink() {
  const written: string[] = [];
  const res = {
    destroyed: false,
    writableEnded: false,
    write: (chunk: Buffer | string) => written.push(String(chunk)) > 0,
    end: (chunk: string) => written.push(chunk),
  };
  return { written, stamper: new RetryStamper(res as unknown as ServerResponse) };
}

describe('RetryStamper', () => {
  it('speaks at once before the first event and between events', () => {
    const { written, stamper } = sink();
    stamper.stamp(5);
    stamper.write(Buffer.from('data: 1\n\n'));
    stamper.stamp(6);
    expect(written.join('')).toBe('retry: 5\n\ndata: 1\n\nretry: 6\n\n');
  });

  it.each(['\n', '\r\n', '\r'])('waits for the end of the event when lines end with %j', (eol) => {
    const { written, stamper } = sink();
    stamper.write(Buffer.from(`data: 1${eol}`));
    stamper.stamp(7);
    expect(written.join('')).toBe(`data: 1${eol}`);
    stamper.write(Buffer.from(`data: 2${eol}${eol}data: 3${eol}${eol}`));
    expect(written.join('')).toBe(`data: 1${eol}data: 2${eol}${eol}retry: 7\n\ndata: 3${eol}${eol}`);
  });

  it('never breaks an event and loses no byte, however the stream is cut into chunks', () => {
    const line = fc.constantFrom('data: x', ': keepalive', 'id: 1', 'event: message');
    const eol = fc.constantFrom('\n', '\r\n', '\r');
    const event = fc.tuple(fc.array(line, { minLength: 1, maxLength: 3 }), eol);
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 6 }),
        fc.array(fc.nat(40), { maxLength: 12 }),
        fc.array(fc.nat(12)),
        (events, cuts, stamps) => {
          const text = events.map(([lines, end]) => lines.map((one) => one + end).join('') + end).join('');
          const { written, stamper } = sink();
          const places = [...cuts.map((cut) => cut % (text.length + 1)), text.length].toSorted(
            (a, b) => a - b,
          );
          let from = 0;
          places.forEach((place, index) => {
            if (stamps.includes(index)) stamper.stamp(1234);
            if (place > from) stamper.write(Buffer.from(text.slice(from, place)));
            from = place;
          });
          const out = written.join('');
          expect(out.replaceAll('retry: 1234\n\n', '')).toBe(text);
          // A stamp begins the stream or follows an empty line.
          for (const { index } of out.matchAll(/retry: 1234/g)) {
            expect(index === 0 || /(\r\n|\n|\r)(\r\n|\n|\r)$/.test(out.slice(0, index))).toBe(true);
          }
        },
      ),
    );
  });

  it('ends a stream with a last event after the one it is in the middle of, and drops what comes then', () => {
    fc.assert(
      fc.property(fc.nat(50), fc.array(fc.nat(50), { maxLength: 8 }), fc.boolean(), (at, cuts, stamped) => {
        const text = 'event: message\ndata: 1\n\nid: 2\ndata: 2\n\n: x\n\ndata: 3\n\n';
        const { written, stamper } = sink();
        const places = [...new Set([...cuts, at, text.length])].toSorted((a, b) => a - b);
        let [from, ends] = [0, 0];
        for (const place of places) {
          stamper.write(Buffer.from(text.slice(from, place)));
          from = place;
          if (place !== at) continue;
          if (stamped) stamper.stamp(5);
          stamper.end('data: last\n\n', () => {
            ends += 1;
          });
        }
        const out = written.join('').replace('retry: 5\n\n', '');
        const whole = out.slice(0, -'data: last\n\n'.length);
        expect(out.endsWith('data: last\n\n')).toBe(true);
        expect(text.startsWith(whole)).toBe(true);
        expect(whole === '' || whole.endsWith('\n\n')).toBe(true);
        expect(whole.length).toBeGreaterThanOrEqual(at);
        expect(ends).toBe(1);
      }),
    );
  });
});
