import { describe, expect, it } from 'vitest';
import { AgentsTally } from './agents-tally.ts';

describe('AgentsTally', () => {
  it('counts an agent as working from its first answer until it waits too long or gives up', () => {
    const tally = new AgentsTally(3);
    expect(tally.report()).toMatchObject({ agents: 3, working: 0 });
    for (const agent of [0, 1, 2]) tally.answered(agent);
    tally.stuck(0);
    tally.gaveUp(1);
    expect(tally.report()).toMatchObject({ working: 1, answered: 3, givenUp: 1 });
    tally.answered(0);
    expect(tally.report().working).toBe(2);
  });

  it('counts an agent that is stuck and then gives up once', () => {
    const tally = new AgentsTally(2);
    tally.answered(0);
    tally.answered(1);
    tally.stuck(0);
    tally.gaveUp(0);
    expect(tally.report()).toMatchObject({ working: 1, givenUp: 1 });
  });

  it('keeps the message of an unclassified error only, and bounds it', () => {
    const tally = new AgentsTally(1);
    tally.failed('timeouts', 'too late');
    tally.failed('refused', 'retry only after 5 s');
    expect(tally.report()).toMatchObject({ timeouts: 1, refused: 1, lastError: '' });
    tally.failed('errors', 'x'.repeat(2000));
    expect(tally.report().lastError).toHaveLength(500);
  });

  it('counts lookups, and the late ones among them', () => {
    const tally = new AgentsTally(1);
    tally.lookedUp(false);
    tally.lookedUp(true);
    expect(tally.report()).toMatchObject({ lookups: 2, lookupsLate: 1 });
  });
});
