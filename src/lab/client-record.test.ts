import { expect, it } from 'vitest';
import { TestClock } from '../kernel/index.ts';
import { recordClients } from './client-record.ts';
import type { Scene } from './scene.ts';

it('notes the connected clients once a second and counts the sessions that broke meanwhile', async () => {
  const clock = new TestClock();
  let connected = 10;
  let lost = 3;
  const scene = { clients: () => ({ connected, total: 10, attempts: 0, lost }) } as Scene;
  const record = recordClients(scene, clock);
  await clock.advance(500);
  connected = 0;
  lost = 13;
  await clock.advance(1000);
  connected = 4;
  await clock.advance(1000);
  expect(record.stop()).toEqual({ connected: [10, 0, 4], lost: 10 });
  expect(clock.pending).toBe(0);
});
