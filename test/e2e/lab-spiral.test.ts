/** The processes of the time-out spiral's lab: an index that works to the end, agents that do not wait. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/kernel/index.ts';
import { connectAgents, Lab, startAgents, startSearchIndex } from '../../src/lab/index.ts';

const AGENTS = 20;

let lab: Lab;

beforeEach(() => {
  lab = new Lab({ clock: systemClock });
});
afterEach(() => lab.stop());

describe('the search index', () => {
  it('works on a query to its end although nobody waits for it any more', async () => {
    const index = await startSearchIndex(lab, AGENTS);
    index.slow(4, 60_000);
    const leave = new AbortController();
    const asked = Array.from({ length: 4 }, () =>
      fetch(`${index.url}?q=x`, { signal: leave.signal }).catch(() => null),
    );
    await index.until(({ queries }) => queries === 4, { timeoutMs: 10_000, what: 'asked' });
    leave.abort();
    expect(await Promise.all(asked)).toContain(null);
    const { waiting, running } = await index.until(({ done }) => done === 4, {
      timeoutMs: 10_000,
      what: 'done',
    });
    expect([waiting, running]).toEqual([0, 0]);
  });

  it('is slow for as long as it was told, and then as fast as before', async () => {
    const index = await startSearchIndex(lab, AGENTS);
    index.slow(10, 1000);
    await index.until(({ slow }) => slow, { timeoutMs: 5000, what: 'slow' });
    await index.until(({ slow }) => !slow, { timeoutMs: 5000, what: 'healed' });
    const answer = await fetch(`${index.url}?q=a%20word`);
    expect(await answer.text()).toBe('nothing found for a word');
  });
});

describe('the agents', () => {
  it('ask and are answered while all is well, each question once', async () => {
    const index = await startSearchIndex(lab, AGENTS);
    const server = await lab.startUpstream({ initializeCostMs: 0, dependency: index.url });
    const agents = await startAgents(lab, { agents: AGENTS, url: server.url });
    await connectAgents(agents, index, lab.signal);
    const calm = await agents.until(({ answered, lookups }) => answered >= AGENTS + 10 && lookups >= 10, {
      timeoutMs: 30_000,
      what: 'answered',
    });
    expect(calm).toMatchObject({ working: AGENTS, givenUp: 0, timeouts: 0, refused: 0, errors: 0 });
    expect(calm.calls).toBe(calm.questions);
  });

  it('repeat a call that times out, give the question up in the end, and do not wait for the rest', async () => {
    const index = await startSearchIndex(lab, AGENTS);
    const server = await lab.startUpstream({ initializeCostMs: 0, dependency: index.url });
    const agents = await startAgents(lab, {
      agents: AGENTS,
      url: server.url,
      timeoutMs: 1000,
      attempts: 2,
    });
    await connectAgents(agents, index, lab.signal);
    index.slow(1000, 60_000);
    const stuck = await agents.until(({ working, givenUp }) => working === 0 && givenUp > AGENTS, {
      timeoutMs: 60_000,
      what: 'stuck',
      seen: (report) => JSON.stringify(report),
    });
    expect(stuck.timeouts).toBeGreaterThan(stuck.givenUp);
    expect(stuck.refused).toBe(0);
    expect(index.latest.waiting).toBeGreaterThan(AGENTS);
  });

  it('end the lab when their process ends, and say which it was', async () => {
    const index = await startSearchIndex(lab, AGENTS);
    const agents = await startAgents(lab, { agents: 1, url: 'http://127.0.0.1:1/mcp' });
    await expect(connectAgents(agents, index, lab.signal)).rejects.toMatchObject({ code: 'E_CHILD_ENDED' });
    await expect.poll(() => lab.signal.aborted).toBe(true);
    expect(String(lab.signal.reason)).toContain('agents');
  });
});
