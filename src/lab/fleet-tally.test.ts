import { array, assert, constantFrom, nat, property, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FleetTally, type HostState } from './fleet-tally.ts';

describe('FleetTally', () => {
  it('starts with every client idle', () => {
    expect(new FleetTally(7).report()).toMatchObject({
      clients: 7,
      idle: 7,
      connecting: 0,
      connected: 0,
      lost: 0,
    });
  });

  it('counts an attempt, a handshake and a loss by the states they lead to', () => {
    const tally = new FleetTally(2);
    tally.moved('idle', 'connecting');
    tally.moved('connecting', 'connected');
    tally.moved('connected', 'lost');
    tally.moved('lost', 'connecting');
    tally.moved('connecting', 'lost');
    const report = tally.report();
    expect(report).toMatchObject({ idle: 1, lost: 1, attempts: 2, handshakes: 1, losses: 1 });
  });

  it('does not count a client that left on purpose as lost', () => {
    const tally = new FleetTally(1);
    tally.moved('idle', 'connecting');
    tally.moved('connecting', 'connected');
    tally.moved('connected', 'connecting');
    expect(tally.report()).toMatchObject({ losses: 0, attempts: 2 });
  });

  it('keeps the message of an unclassified error only, and bounds it', () => {
    const tally = new FleetTally(1);
    tally.failed('timeouts', 'too late');
    expect(tally.report()).toMatchObject({ timeouts: 1, lastError: '' });
    tally.failed('errors', 'x'.repeat(2000));
    expect(tally.report().lastError).toHaveLength(500);
  });

  it('always has each client in exactly one state', () => {
    const states: HostState[] = ['idle', 'connecting', 'connected', 'lost'];
    const walk = array(tuple(nat(9), constantFrom(...states)), { maxLength: 200 });
    assert(
      property(walk, (moves) => {
        const tally = new FleetTally(10);
        const where = Array.from<HostState>({ length: 10 }).fill('idle');
        for (const [client, to] of moves) {
          tally.moved(where[client]!, to);
          where[client] = to;
        }
        const report = tally.report();
        for (const state of states) expect(report[state]).toBe(where.filter((one) => one === state).length);
      }),
    );
  });
});
