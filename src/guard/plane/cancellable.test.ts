import { expect, test } from 'vitest';
import { type Cancellable, CancellableCalls } from './cancellable.ts';

const call = (id: Cancellable['id']): Cancellable => ({ id, cancelledByClient: () => {} });

test('a call is found by its session and id, where 1 and "1" are two', () => {
  const calls = new CancellableCalls();
  const [number, text, elsewhere] = [call(1), call('1'), call(1)];
  const place = calls.add('a', number);
  calls.add('a', text);
  calls.add('b', elsewhere);
  expect([calls.find('a', 1), calls.find('a', '1'), calls.find('b', 1)]).toEqual([number, text, elsewhere]);
  expect(calls.find('a', 2)).toBeUndefined();
  calls.remove(place);
  expect(calls.find('a', 1)).toBeUndefined();
  expect(calls.find('b', 1)).toBe(elsewhere);
});

test('an id that a number does not hold is found by what a notification makes of it', () => {
  const calls = new CancellableCalls();
  const large = call(9007199254740993n);
  calls.add('a', large);
  expect(calls.find('a', Number('9007199254740993'))).toBe(large);
});
