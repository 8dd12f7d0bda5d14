import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TestClock } from './clock.ts';
import { newId } from './ids.ts';
import { oneLine, printable, slug } from './text.ts';

describe('printable', () => {
  it('removes colours, titles, cursor moves, bells and bidirectional overrides', () => {
    expect(printable('\u001b[31mred\u001b[0m \u001b]0;title\u0007x\u0007\u001b[2J\u202eabc')).toBe(
      'red xabc',
    );
  });

  it('keeps lines and tabs, and leaves no control character in any text', () => {
    expect(printable('a\tb\r\nc\n')).toBe('a\tb\nc\n');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        // oxlint-disable-next-line no-control-regex -- control characters are what must be gone
        expect(printable(text)).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
      }),
    );
  });
});

describe('oneLine', () => {
  it('fits any text on one line of the width', () => {
    expect(oneLine('a  b\n c', 80)).toBe('a b c');
    expect(oneLine('abcdefgh', 5)).toBe('abcd…');
    fc.assert(
      fc.property(
        fc.string(),
        fc.integer({ min: 1, max: 99 }),
        (text, width) => oneLine(text, width).length <= width,
      ),
    );
  });
});

describe('slug', () => {
  it('makes a name of words and dashes from any text', () => {
    expect(slug('Check initialization rate (should be < 100/sec)')).toBe(
      'check-initialization-rate-should-be-100-sec',
    );
    fc.assert(fc.property(fc.string(), (text) => /^[a-z0-9]+(-[a-z0-9]+)*$/.test(slug(text))));
  });
});

describe('newId', () => {
  it('sorts by time, keeps its form, and does not repeat', async () => {
    const clock = new TestClock();
    const ids: string[] = [];
    for (let i = 0; i < 200; i++) {
      ids.push(newId('inc', clock));
      await clock.advance(1);
    }
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^inc-[0-9a-z]{16}$/);
  });
});
