import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import { Changes, changeOf } from './changes.ts';

const tools = { methods: ['tools/list'] };

describe('changeOf', () => {
  it.each([
    ['notifications/tools/list_changed', null, tools],
    ['notifications/prompts/list_changed', {}, { methods: ['prompts/list'] }],
    ['notifications/resources/list_changed', {}, { methods: ['resources/list', 'resources/templates/list'] }],
    ['notifications/resources/updated', { uri: 'a:b' }, { methods: ['resources/read'], uri: 'a:b' }],
    ['notifications/resources/updated', { uri: 7 }, { methods: ['resources/read'] }],
    ['notifications/message', {}, null],
    ['', null, null],
  ])('%s %j', (method, params, change) => {
    expect(changeOf(method, params)).toEqual(change);
  });
});

describe('a change told on many streams', () => {
  it('is news once, and the next one is news again', async () => {
    const clock = new TestClock();
    const changes = new Changes(clock);
    const streams = [changes.listen(), changes.listen(), changes.listen()];
    for (const ms of [100, 5000]) {
      await clock.advance(ms);
      expect(streams.map((stream) => stream.isNews(tools))).toEqual([true, false, false]);
    }
  });

  it('is news on a stream that was opened after it, and in any case after a while', async () => {
    const clock = new TestClock();
    const changes = new Changes(clock);
    const [first, second] = [changes.listen(), changes.listen()];
    expect(first.isNews(tools)).toBe(true);
    await clock.advance(10);
    expect(changes.listen().isNews(tools)).toBe(true);
    await clock.advance(2000);
    expect(second.isNews(tools)).toBe(true);
  });

  it('is news also on a stream whose server merged earlier ones', async () => {
    const clock = new TestClock();
    const changes = new Changes(clock);
    const [every, merging] = [changes.listen(), changes.listen()];
    for (let told = 0; told < 5; told++) every.isNews(tools);
    expect(merging.isNews(tools)).toBe(false);
    await clock.advance(3000);
    expect(every.isNews(tools)).toBe(true);
    expect(merging.isNews(tools)).toBe(false);
    expect(merging.isNews(tools)).toBe(true);
    await clock.advance(3000);
    expect(merging.isNews(tools)).toBe(true);
    expect(every.isNews(tools)).toBe(false);
  });

  it('costs a stream nothing before it tells one', () => {
    const changes = new Changes(new TestClock());
    const { heapUsed, external } = process.memoryUsage();
    const streams = Array.from({ length: 5000 }, () => changes.listen());
    const now = process.memoryUsage();
    expect(streams).toHaveLength(5000);
    // A cache that allots its thousand places would take 20 kB for each.
    expect(now.heapUsed + now.external - heapUsed - external).toBeLessThan(20_000_000);
  });

  it('is told apart by what it is about', () => {
    const changes = new Changes(new TestClock());
    const [first, second] = [changes.listen(), changes.listen()];
    expect(first.isNews({ methods: ['resources/read'], uri: 'a' })).toBe(true);
    expect(second.isNews({ methods: ['resources/read'], uri: 'b' })).toBe(true);
    expect(first.isNews(tools)).toBe(true);
  });

  it('is news exactly once, as long as no stream is 2 s behind the others', async () => {
    const STREAMS = 4;
    const change = fc.record({
      after: fc.nat(3000),
      delays: fc.array(fc.nat(1999), { minLength: STREAMS, maxLength: STREAMS }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 20 }), async (list) => {
        const words: { at: number; stream: number; change: number }[] = [];
        const last = Array.from({ length: STREAMS }, () => 0);
        let now = 0;
        for (const [index, { after, delays }] of list.entries()) {
          now += after;
          // A stream tells its changes in order.
          for (let stream = 0; stream < STREAMS; stream++) {
            last[stream] = Math.max(last[stream]!, now + delays[stream]!);
            words.push({ at: last[stream]!, stream, change: index });
          }
        }
        const clock = new TestClock();
        const changes = new Changes(clock);
        const streams = Array.from({ length: STREAMS }, () => changes.listen());
        const told = new Set<number>();
        for (const word of words.toSorted((x, y) => x.at - y.at)) {
          await clock.advance(word.at - clock.monotonic());
          expect(streams[word.stream]!.isNews(tools)).toBe(!told.has(word.change));
          told.add(word.change);
        }
      }),
    );
  });
});
