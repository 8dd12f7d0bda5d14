import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { InFlight, type Place } from './in-flight.ts';

test('what was added and not removed is there, under its key, whatever the order of leaving', () => {
  const step = fc.record({ key: fc.constantFrom('a', 'b', 'c', ''), leaves: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const inFlight = new InFlight<number>();
      const places: Place<number>[] = [];
      steps.forEach(({ key, leaves }, number) => {
        if (leaves % 3 === 0 && places.length > 0) {
          const [gone] = places.splice(leaves % places.length, 1);
          inFlight.remove(gone!);
        } else places.push(inFlight.add(key, number));
      });
      expect(new Set(inFlight.values())).toEqual(new Set(places.map(({ value }) => value)));
      expect([...inFlight.values()]).toHaveLength(places.length);
      for (const place of places) expect(inFlight.near(place.key)).toContain(place);
    }),
  );
});

test('ten thousand under one key leave as fast as they came', () => {
  const inFlight = new InFlight<number>();
  const places = Array.from({ length: 10_000 }, (_, number) => inFlight.add('all the same', number));
  for (const place of places) inFlight.remove(place);
  expect([...inFlight.values()]).toEqual([]);
});
