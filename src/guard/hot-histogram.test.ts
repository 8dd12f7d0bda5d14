import * as fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { HotHistogram } from './hot-histogram.ts';

const buckets = [0.01, 0.1, 1, 10];
const options = {
  name: 'test_seconds',
  help: 'Seconds of a \\ test.',
  buckets,
  labelNames: ['tool', 'error'] as const,
};

async function exposed(registry: Registry): Promise<readonly string[]> {
  return (await registry.metrics()).trim().split('\n');
}

test('the exposition is that of prom-client, sample by sample', async () => {
  const observation = fc.record({
    tool: fc.constantFrom('a', 'b', 'a "quoted" \\ tool'),
    error: fc.constantFrom('', '500'),
    value: fc.oneof(fc.constantFrom(...buckets), fc.double({ min: 0, max: 100, noNaN: true })),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(observation, { maxLength: 50 }), async (observations) => {
      const [ours, theirs] = [new Registry(), new Registry()];
      const hot = new HotHistogram({ ...options, registry: ours });
      const usual = new Histogram({ ...options, registers: [theirs] });
      const series = new Map<string, ReturnType<typeof hot.series>>();
      for (const { tool, error, value } of observations) {
        const key = `${tool}\n${error}`;
        const one = series.get(key) ?? hot.series({ tool, error });
        series.set(key, one);
        one.observe(value);
        usual.observe({ tool, error }, value);
      }
      expect(await exposed(ours)).toEqual(await exposed(theirs));
    }),
  );
});
