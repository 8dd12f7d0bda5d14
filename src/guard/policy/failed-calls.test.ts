import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { FailedCalls, RETRY_WINDOW_MS } from './failed-calls.ts';

test('a failed call is known for the window, and its caller until it is forgotten', () => {
  const failed = new FailedCalls();
  expect(failed.mayKnow('a')).toBe(false);
  failed.add('key', 'a', { at: 0, recoveries: 3 });
  expect(failed.mayKnow('a')).toBe(true);
  expect(failed.find('key', RETRY_WINDOW_MS)).toMatchObject({ at: 0, recoveries: 3 });
  expect(failed.find('key', RETRY_WINDOW_MS + 1)).toBeNull();
  failed.forget('key');
  expect(failed.find('key', 0)).toBeNull();
  expect(failed.mayKnow('a')).toBe(false);
});

test('a call that fails again is one call of its caller', () => {
  const failed = new FailedCalls();
  failed.add('key', 'a', { at: 0, recoveries: 0 });
  failed.add('key', 'a', { at: 1, recoveries: 0 });
  failed.forget('key');
  expect(failed.mayKnow('a')).toBe(false);
});

test('whoever has a remembered call may be known, whatever came and went before', () => {
  const callers = ['a', 'b', 'session 1', 'session 2'];
  const change = fc.record({
    add: fc.boolean(),
    caller: fc.constantFrom(...callers),
    call: fc.integer({ min: 0, max: 5 }),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 100 }), (changes) => {
      const failed = new FailedCalls();
      const remembered = new Set<string>();
      for (const { add, caller, call } of changes) {
        const key = `${caller} ${call}`;
        if (add) failed.add(key, caller, { at: 0, recoveries: 0 });
        else failed.forget(key);
        if (add) remembered.add(key);
        else remembered.delete(key);
      }
      for (const caller of callers) {
        const expected = [...remembered].some((key) => key.startsWith(`${caller} `));
        if (expected) expect(failed.mayKnow(caller)).toBe(true);
      }
      if (remembered.size === 0) for (const caller of callers) expect(failed.mayKnow(caller)).toBe(false);
    }),
  );
});

test('what is pushed out by the bound leaves nothing behind', () => {
  const failed = new FailedCalls();
  for (let index = 0; index < 60_000; index++) failed.add(`k${index}`, `c${index}`, { at: 0, recoveries: 0 });
  for (let index = 10_000; index < 60_000; index++) failed.forget(`k${index}`);
  expect(failed.mayKnow('c0')).toBe(false);
});
