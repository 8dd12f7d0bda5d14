import { expect, test } from 'vitest';
import { atEndOfTurn } from './end-of-turn.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('writes go out together at the end of the turn, in their order', async () => {
  const written: string[] = [];
  atEndOfTurn(() => written.push('one'));
  await Promise.resolve();
  atEndOfTurn(() => written.push('two'));
  await new Promise((resolve) => process.nextTick(resolve));
  expect(written).toEqual([]);
  await turn();
  expect(written).toEqual(['one', 'two']);
});

test('what a write leads to waits for the next turn', async () => {
  const written: string[] = [];
  atEndOfTurn(() => atEndOfTurn(() => written.push('next')));
  await turn();
  expect(written).toEqual([]);
  await turn();
  expect(written).toEqual(['next']);
});
