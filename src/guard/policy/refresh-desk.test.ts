import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import { type Flight, type NamedRefresh, RefreshDesk, type Seat, type Success } from './refresh-desk.ts';

const refresh = (token: string, proof = 'proof'): NamedRefresh => ({ key: `${token}/${proof}`, token });

function makeDesk(limits = { coalesce: true, graceSeconds: 0 }) {
  const clock = new TestClock();
  const desk = new RefreshDesk<string>(clock, () => limits);
  const flights: { flight: Flight<string>; key: string | null; givenUp: boolean }[] = [];
  const answers: string[] = [];
  const wiped: string[] = [];
  const enter = (named: NamedRefresh, name = ''): Seat =>
    desk.enter(named, { landed: (answer, share) => answers.push(`${name}${share}:${answer}`) }, (flight) => {
      const entry = { flight, key: named.key, givenUp: false };
      flights.push(entry);
      return () => {
        entry.givenUp = true;
      };
    });
  const success = (answer: string, more: Partial<Success<string>> = {}): Success<string> => ({
    nextKey: null,
    usedUp: null,
    keep: () => ({ bytes: answer.length, give: () => answer, wipe: () => wiped.push(answer) }),
    ...more,
  });
  return { clock, desk, flights, answers, wiped, enter, success, limits };
}

describe('RefreshDesk', () => {
  it('makes equal refreshes one flight whose answer all get', () => {
    const { enter, flights, answers, desk } = makeDesk();
    for (let one = 0; one < 8; one++) enter(refresh('a'));
    expect(flights).toHaveLength(1);
    expect(desk.riders).toBe(8);
    flights[0]!.flight.sent();
    flights[0]!.flight.land('new', null);
    expect(answers).toEqual(['own:new', ...Array.from({ length: 7 }, () => 'shared:new')]);
    expect(desk.riders).toBe(0);
  });

  it('keeps refresh tokens apart, and starts anew after the landing', () => {
    const { enter, flights } = makeDesk();
    enter(refresh('a'));
    enter(refresh('b'));
    expect(flights).toHaveLength(2);
    flights[0]!.flight.land('new', null);
    enter(refresh('a'));
    expect(flights).toHaveLength(3);
  });

  it('lets each go its own way when the lever is off', () => {
    const { enter, flights } = makeDesk({ coalesce: false, graceSeconds: 0 });
    enter(refresh('a'));
    enter(refresh('a'));
    expect(flights).toHaveLength(2);
  });

  it('gives a waiting flight up with its last rider, and lets a sent one go on without', () => {
    const { enter, flights, answers, limits, success } = makeDesk({ coalesce: true, graceSeconds: 10 });
    const [first, second] = [enter(refresh('a')), enter(refresh('a'))];
    first.leave();
    expect(flights[0]!.givenUp).toBe(false);
    second.leave();
    second.leave();
    expect(flights[0]!.givenUp).toBe(true);
    const third = enter(refresh('a'));
    expect(flights).toHaveLength(2);
    flights[1]!.flight.sent();
    third.leave();
    expect(flights[1]!.givenUp).toBe(false);
    // Who asks again meanwhile shares the answer, and who asks afterwards gets what was kept.
    enter(refresh('a'), 'again ');
    flights[1]!.flight.land('new', success('new'));
    enter(refresh('a'), 'later ');
    expect(answers).toEqual(['again shared:new', 'later kept:new']);
    expect(flights).toHaveLength(2);
    expect(limits.graceSeconds).toBe(10);
  });

  it('gives a flight up that comes back unsent to nobody', () => {
    const { enter, flights } = makeDesk();
    const seat = enter(refresh('a'));
    flights[0]!.flight.sent();
    seat.leave();
    expect(flights[0]!.givenUp).toBe(false);
    flights[0]!.flight.unsent();
    expect(flights[0]!.givenUp).toBe(true);
  });

  it('never gives an answer to another proof, which waits for its turn in the lane', () => {
    const { enter, flights, answers } = makeDesk();
    enter(refresh('a', 'secret'), 'right ');
    enter(refresh('a', 'wrong'), 'wrong ');
    enter(refresh('a', 'wrong'), 'wrong ');
    expect(flights.map(({ key }) => key)).toEqual(['a/secret']);
    flights[0]!.flight.land('failed', null);
    expect(answers).toEqual(['right own:failed']);
    expect(flights.map(({ key }) => key)).toEqual(['a/secret', 'a/wrong']);
    flights[1]!.flight.land('invalid_client', null);
    expect(answers.slice(1)).toEqual(['wrong own:invalid_client', 'wrong shared:invalid_client']);
  });

  it('tells those in the lane that the token is used up, instead of sending what would look like a theft', () => {
    const { enter, flights, answers, success } = makeDesk();
    enter(refresh('a', 'assertion 1'), '1 ');
    enter(refresh('a', 'assertion 2'), '2 ');
    flights[0]!.flight.land('new', success('new', { usedUp: 'used up' }));
    expect(answers).toEqual(['1 own:new', '2 own:used up']);
    expect(flights).toHaveLength(1);
  });

  it('lets the lane go on when the refresh token was not rotated', () => {
    const { enter, flights, success } = makeDesk();
    enter(refresh('a', 'scope 1'));
    enter(refresh('a', 'scope 2'));
    flights[0]!.flight.land('new', success('new'));
    expect(flights).toHaveLength(2);
  });

  it('drops a group of the lane whose riders have all left', () => {
    const { enter, flights } = makeDesk();
    enter(refresh('a', '1'));
    enter(refresh('a', '2')).leave();
    enter(refresh('a', '3'));
    flights[0]!.flight.land('failed', null);
    expect(flights.map(({ key }) => key)).toEqual(['a/1', 'a/3']);
  });

  it('survives thousands in a lane that all land at once', () => {
    const desk = new RefreshDesk<string>(new TestClock(), () => ({ coalesce: true, graceSeconds: 0 }));
    let first: Flight<string> | null = null;
    let landed = 0;
    for (let one = 0; one < 20_000; one++) {
      desk.enter({ key: null, token: 'a' }, { landed: () => (landed += 1) }, (flight) => {
        if (first) flight.land('stopping', null);
        first ??= flight;
        return () => {};
      });
    }
    first!.land('stopping', null);
    expect(landed).toBe(20_000);
    expect(desk.riders).toBe(0);
  });

  it('gives the answer again for the grace, under the old refresh token and under the new, then wipes it', async () => {
    const { enter, flights, answers, clock, wiped, desk, success } = makeDesk({
      coalesce: true,
      graceSeconds: 10,
    });
    enter(refresh('a'));
    flights[0]!.flight.land('new', success('new', { nextKey: refresh('b').key }));
    await clock.advance(9_000);
    enter(refresh('a'));
    enter(refresh('b'));
    expect(answers.slice(1)).toEqual(['kept:new', 'kept:new']);
    enter(refresh('a', 'wrong'));
    expect(flights).toHaveLength(2);
    await clock.advance(1_000);
    expect(wiped).toEqual(['new']);
    expect(desk.kept).toBe(0);
    enter(refresh('b'));
    expect(flights).toHaveLength(3);
  });

  it('drops what it kept when the grace is taken back, and on closing', () => {
    const limits = { coalesce: true, graceSeconds: 10 };
    const { enter, flights, wiped, desk, success, clock } = makeDesk(limits);
    enter(refresh('a'));
    flights[0]!.flight.land('new', success('new'));
    limits.graceSeconds = 0;
    desk.update();
    expect(wiped).toEqual(['new']);
    limits.graceSeconds = 10;
    enter(refresh('a'));
    flights[1]!.flight.land('newer', success('newer'));
    desk.close();
    expect(wiped).toEqual(['new', 'newer']);
    expect(clock.pending).toBe(0);
  });

  it('keeps within its bounds', () => {
    const { enter, flights, desk, success, wiped } = makeDesk({ coalesce: true, graceSeconds: 10 });
    for (let one = 0; one < 10_050; one++) {
      enter(refresh(`t${one}`));
      flights[one]!.flight.land(`n${one}`, success(`n${one}`));
    }
    expect(desk.kept).toBe(10_000);
    expect(wiped[0]).toBe('n0');
    const huge = { bytes: 40 * 1024 * 1024, give: () => 'huge', wipe: () => {} };
    enter(refresh('huge'));
    flights.at(-1)!.flight.land('huge', success('', { keep: () => huge }));
    expect(desk.kept).toBe(0);
  });

  it('gives every rider exactly one answer, to its own request only, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, coalesce) => {
        const world = new World(coalesce);
        for (const one of steps) {
          world.take(one);
          world.checkLanes();
        }
        world.end();
      }),
    );
  });
});

type Step =
  | { readonly what: 'enter'; readonly token: number; readonly proof: number }
  | { readonly what: 'leave' | 'sent' | 'unsent' | 'fail' | 'succeed' | 'rotate'; readonly at: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ what: fc.constant('enter' as const), token: fc.nat(1), proof: fc.nat(2) }),
  fc.record({
    what: fc.constantFrom('leave', 'sent', 'unsent', 'fail', 'succeed', 'rotate'),
    at: fc.nat(30),
  }),
);

const keep = () => ({ bytes: 1, give: () => '', wipe: () => {} });

/** Takes steps in any order, and knows what must hold after each. */
class World {
  readonly #coalesce: boolean;
  readonly #desk: RefreshDesk<string>;
  readonly #flights: { flight: Flight<string>; named: NamedRefresh; over: boolean }[] = [];
  readonly #seats: { seat: Seat | null; left: boolean; landed: boolean }[] = [];

  constructor(coalesce: boolean) {
    this.#coalesce = coalesce;
    this.#desk = new RefreshDesk(new TestClock(), () => ({ coalesce, graceSeconds: 0 }));
  }

  take(one: Step): void {
    if (one.what === 'enter') this.#enter(refresh(`${one.token}`, `${one.proof}`));
    else if (one.what === 'leave') this.#leave(one.at);
    else this.#fly(one.what, one.at);
  }

  /** One refresh token is never in flight twice. */
  checkLanes(): void {
    if (!this.#coalesce) return;
    const tokens = this.#flights.filter(({ over }) => !over).map(({ named }) => named.token);
    expect(new Set(tokens).size).toBe(tokens.length);
  }

  /** Everything lands: then whoever did not leave has its answer. */
  end(): void {
    for (let index = 0; index < this.#flights.length; index++) this.#fly('fail', index);
    for (const { left, landed } of this.#seats) expect(landed).toBe(!left);
    expect(this.#desk.riders).toBe(0);
  }

  #enter(named: NamedRefresh): void {
    const entry = { seat: null as Seat | null, left: false, landed: false };
    const landed = (answer: string) => {
      expect(entry.landed || entry.left).toBe(false);
      expect([named.key, 'used up']).toContain(answer);
      entry.landed = true;
    };
    this.#seats.push(entry);
    entry.seat = this.#desk.enter(named, { landed }, (flight) => {
      const one = { flight, named, over: false };
      this.#flights.push(one);
      return () => {
        one.over = true;
      };
    });
  }

  #leave(at: number): void {
    const who = this.#seats[at % this.#seats.length];
    who?.seat?.leave();
    if (who) who.left ||= !who.landed;
  }

  #fly(what: 'sent' | 'unsent' | 'fail' | 'succeed' | 'rotate', at: number): void {
    const one = this.#flights[at % this.#flights.length];
    if (!one || one.over) return;
    if (what === 'sent' || what === 'unsent') {
      one.flight[what]();
      return;
    }
    one.over = true;
    const success = { nextKey: null, usedUp: what === 'rotate' ? 'used up' : null, keep };
    one.flight.land(one.named.key!, what === 'fail' ? null : success);
  }
}
