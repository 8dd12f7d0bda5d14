import { describe, expect, it } from 'vitest';
import { calibrateBurn } from './burn.ts';

describe('calibrateBurn', () => {
  it('burns the CPU it was asked for, within a third', () => {
    const burn = calibrateBurn(10);
    const before = process.threadCpuUsage();
    for (let round = 0; round < 30; round++) burn();
    const { user, system } = process.threadCpuUsage(before);
    const each = (user + system) / 1000 / 30;
    expect(each).toBeGreaterThan(10 / 1.33);
    expect(each).toBeLessThan(10 * 1.33);
  });

  it('burns nothing for nothing', () => {
    const start = performance.now();
    calibrateBurn(0)();
    expect(performance.now() - start).toBeLessThan(100);
  });
});
