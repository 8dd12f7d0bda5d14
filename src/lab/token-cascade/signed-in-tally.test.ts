import { describe, expect, it } from 'vitest';
import { SignedInTally } from './signed-in-tally.ts';

describe('the tally of signed-in clients', () => {
  it('counts where they stand, and every client once', () => {
    const tally = new SignedInTally(2);
    tally.moved('idle', 'connecting');
    tally.moved('connecting', 'connected');
    expect(tally.report()).toMatchObject({ clients: 2, idle: 1, connecting: 0, connected: 1, losses: 0 });
  });

  it('counts a credential as lost when somebody has to log in, not when a round fails', () => {
    const tally = new SignedInTally(1);
    tally.moved('idle', 'connected');
    tally.moved('connected', 'failing');
    expect(tally.report().losses).toBe(0);
    tally.moved('failing', 'signedOut');
    expect(tally.report()).toMatchObject({ losses: 1, signedOut: 1 });
    tally.moved('signedOut', 'connecting');
    expect(tally.report().losses).toBe(1);
  });

  it('counts what happens, and cuts a long error', () => {
    const tally = new SignedInTally(1);
    tally.count('calls', 8);
    tally.count('rounds');
    tally.failed('x'.repeat(10_000));
    expect(tally.report()).toMatchObject({ calls: 8, rounds: 1, lastError: 'x'.repeat(500) });
  });
});
