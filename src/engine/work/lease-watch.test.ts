import { describe, expect, it } from 'vitest';
import { LeaseWatch } from './lease-watch.ts';

const lease = { key: 'a', leaseUntil: 5_000 };

describe('a lease', () => {
  const begin = () => new LeaseWatch({ quietMs: 2_000, leaseMs: 5_000 });

  it('has ended when its end has passed and nobody has renewed it for a while', () => {
    const watch = begin();
    expect(watch.look([lease], 0, 0)).toEqual([]);
    expect(watch.look([lease], 4_999, 4_999)).toEqual([]);
    expect(watch.look([lease], 5_000, 5_000)).toEqual([lease]);
  });

  it('has not ended for a watcher that has only just come, however late it seems', () => {
    const watch = begin();
    expect(watch.look([lease], 90_000, 0)).toEqual([]);
    expect(watch.look([lease], 91_999, 1_999)).toEqual([]);
    expect(watch.look([lease], 92_000, 2_000)).toEqual([lease]);
  });

  it('survives a clock that is set forward: it is renewed before anybody takes it for ended', () => {
    const watch = begin();
    watch.look([lease], 3_000, 3_000);
    const hour = 3_600_000;
    expect(watch.look([lease], hour + 4_000, 4_000)).toEqual([]);
    const renewed = { ...lease, leaseUntil: hour + 9_500 };
    expect(watch.look([renewed], hour + 5_500, 5_500)).toEqual([]);
  });

  it('ends in its time when the clock is set back and its worker is dead', () => {
    const watch = begin();
    const hour = 3_600_000;
    expect(watch.look([lease], 0, 0)).toEqual([]);
    expect(watch.look([lease], 6_999 - hour, 6_999)).toEqual([]);
    expect(watch.look([lease], 7_000 - hour, 7_000)).toEqual([lease]);
  });

  it('is another one when it was renewed, or taken anew', () => {
    const watch = begin();
    watch.look([lease], 0, 0);
    watch.look([{ ...lease, leaseUntil: 8_000 }], 3_000, 3_000);
    expect(watch.look([lease], 9_000, 3_500)).toEqual([]);
    watch.look([], 9_500, 9_500);
    expect(watch.look([lease], 9_600, 20_000)).toEqual([]);
  });
});
