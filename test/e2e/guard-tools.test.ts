import { afterEach, describe, expect, it } from 'vitest';
import { type Guard, GuardLevers, type GuardOptions, startGuard } from '../../src/guard/index.ts';
import { eventually, metric } from './guard-fixtures.ts';
import {
  connectToolClient,
  type Era,
  startToolServer,
  type ToolClient,
  type ToolServer,
} from './tool-fixtures.ts';

const TOKEN = 'secret';
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

async function server(era: Era, json = false): Promise<ToolServer> {
  const one = await startToolServer(era, json);
  cleanups.push(() => one.close());
  return one;
}

async function guard({ url }: { url: string }, levers: GuardOptions['levers'] = {}): Promise<Guard> {
  const options = { listen: '127.0.0.1:0', admin: '127.0.0.1:0', token: TOKEN };
  const one = await startGuard({ upstreams: [url], levers, ...options });
  cleanups.push(() => one.stop());
  return one;
}

async function client(era: Era, { listenUrl }: Guard, token?: string): Promise<ToolClient> {
  const one = await connectToolClient(era, listenUrl, token);
  cleanups.push(() => one.close());
  return one;
}

const ended = ({ adminUrl }: Guard, outcome: string) =>
  metric(adminUrl, `mcp_tool_calls_total{tool="work",outcome="${outcome}"}`);
const ofWork = ({ adminUrl }: Guard, name: string) => metric(adminUrl, `${name}{tool="work"}`);
const by = { reason: 'test', actor: 'ada' };

describe.each<Era>(['sessions', 'stateless'])('a tool call (%s)', (era) => {
  it('that takes too long is cancelled at the server, and the agent is told in words', async () => {
    const upstream = await server(era);
    const one = await guard(upstream, { TOOL_TIMEOUT_SECONDS: '0.3' });
    const agent = await client(era, one, 'token');
    upstream.work.mode = 'hang';
    const { text, isError } = await agent.call();
    expect(isError).toBe(true);
    expect(text).toMatch(/"work" did not answer within 0.3 s.*cancelled.*unknown.*Retry only after \d+ s/);
    await eventually(
      () => upstream.work.aborted,
      (count) => count === 1,
    );
    expect(await ended(one, 'timeout')).toBe(1);
    expect(await metric(one.adminUrl, 'mcp_tool_timeouts_total{tool="work",by="guard"}')).toBe(1);
    expect(await metric(one.adminUrl, 'mcp_tool_timeouts_total{tool="work",by="client"}')).toBe(0);
    expect(await ofWork(one, 'mcp_tool_inflight')).toBe(0);
    upstream.work.mode = 'answer';
    expect(await agent.call()).toEqual({ text: 'answer', isError: false });
    expect(upstream.work.calls).toHaveLength(2);
  });

  it('in progress gets the deadline of a lever that is set now', async () => {
    const upstream = await server(era);
    const one = await guard(upstream);
    const agent = await client(era, one);
    upstream.work.mode = 'hang';
    const call = agent.call();
    await eventually(
      () => upstream.work.running,
      (count) => count === 1,
    );
    await new GuardLevers(one.adminUrl, TOKEN).set('TOOL_TIMEOUT_SECONDS', '0.1', by);
    expect((await call).text).toContain('Retry only after');
  });

  it('beyond the bulkhead is refused at once', async () => {
    const upstream = await server(era);
    const one = await guard(upstream, { TOOL_MAX_CONCURRENCY: '2' });
    const agents = await Promise.all([1, 2, 3, 4, 5].map(() => client(era, one)));
    upstream.work.delayMs = 500;
    const answers = await Promise.all(agents.map((agent, index) => agent.call({ of: String(index) })));
    expect(answers.filter(({ isError }) => !isError)).toHaveLength(2);
    const refused = answers.find(({ isError }) => isError)!;
    expect(refused.text).toMatch(/as many calls in progress.*not made.*Retry only after \d+ s/);
    expect(upstream.work.mostRunning).toBe(2);
    expect(await ended(one, 'rejected_busy')).toBe(3);
  });

  it('opens the breaker when calls break, and closes it when they are answered again', async () => {
    const upstream = await server(era);
    const one = await guard(upstream);
    const agent = await client(era, one);
    await agent.call();
    upstream.work.mode = 'break';
    for (let round = 0; round < 5; round++) await agent.call({ of: String(round) }).catch(() => {});
    expect(await ofWork(one, 'mcp_tool_breaker_state')).toBe(2);
    const { text } = await agent.call();
    expect(text).toMatch(/failing or not answering.*not made.*Retry only after [1-5] s/);
    upstream.work.mode = 'answer';
    const healed = performance.now();
    await eventually(
      () => agent.call({ of: 'again' }),
      ({ isError }) => !isError,
    );
    for (let round = 0; round < 3; round++) await agent.call();
    expect(performance.now() - healed).toBeLessThan(5000);
    expect(await ofWork(one, 'mcp_tool_breaker_state')).toBe(0);
  });

  it('is refused while an operator holds the breaker open, and never while it is held closed', async () => {
    const upstream = await server(era);
    const one = await guard(upstream, { TOOL_BREAKER: 'open' });
    const agent = await client(era, one);
    expect((await agent.call()).text).toMatch(/switched off/);
    expect(upstream.work.calls).toHaveLength(0);
    await new GuardLevers(one.adminUrl, TOKEN).set('TOOL_BREAKER', 'closed', by);
    upstream.work.mode = 'break';
    for (let round = 0; round < 12; round++) await agent.call().catch(() => {});
    expect(await ofWork(one, 'mcp_tool_breaker_state')).toBe(0);
    upstream.work.mode = 'answer';
    expect((await agent.call()).isError).toBe(false);
  });

  it('is recognized when it is made again after a failure, and refused beyond the budget', async () => {
    const upstream = await server(era);
    const one = await guard(upstream, { TOOL_RETRY_BUDGET: '0', TOOL_BREAKER: 'closed' });
    const agent = await client(era, one, 'token');
    await agent.call({ of: 'polling' });
    await agent.call({ of: 'polling' });
    expect(await ofWork(one, 'mcp_tool_retries_total')).toBe(0);
    upstream.work.mode = 'fail';
    await agent.call({ of: 'x', with: { b: 1, a: [2] } });
    expect((await agent.call({ with: { a: [2], b: 1 }, of: 'x' })).text).toMatch(
      /repeats.*not made again.*Retry only/,
    );
    expect((await agent.call({ of: 'y' })).text).toBe('fail');
    expect(upstream.work.calls).toHaveLength(4);
    expect(await ofWork(one, 'mcp_tool_retries_total')).toBe(1);
    expect(await ended(one, 'rejected_retry')).toBe(1);
  });

  it('that its client gives up waiting for is counted, and is no evidence against the tool', async () => {
    const upstream = await server(era);
    const one = await guard(upstream);
    const agent = await client(era, one);
    upstream.work.mode = 'hang';
    for (let round = 0; round < 6; round++) {
      await expect(agent.call({ of: 'x' }, { timeout: 100 })).rejects.toThrow();
    }
    await eventually(
      () => ended(one, 'cancelled'),
      (count) => count === 6,
    );
    expect(await metric(one.adminUrl, 'mcp_tool_timeouts_total{tool="work",by="client"}')).toBe(6);
    expect(await ofWork(one, 'mcp_tool_retries_total')).toBe(5);
    expect(await ofWork(one, 'mcp_tool_inflight')).toBe(0);
    expect(await ofWork(one, 'mcp_tool_breaker_state')).toBe(0);
    await eventually(
      () => upstream.work.aborted,
      (count) => count === 6,
    );
    expect(upstream.work.calls).toHaveLength(6);
  });
});

describe('a server of the older era that answers in JSON', () => {
  it('is told of the cancellation, and its agent gets the words', async () => {
    const upstream = await server('sessions', true);
    const one = await guard(upstream, { 'TOOL_TIMEOUT_SECONDS[work]': '0.3' });
    const agent = await client('sessions', one);
    upstream.work.mode = 'hang';
    expect((await agent.call()).text).toContain('it was cancelled');
    await eventually(
      () => upstream.work.aborted,
      (count) => count === 1,
    );
    expect(upstream.work.calls).toHaveLength(1);
  });
});

/** An agent with one piece of work: it tries until it is done, and waits about as long as it is told. */
async function persist(
  agent: ToolClient,
  args: Record<string, unknown>,
  over: () => boolean,
): Promise<boolean> {
  while (!over()) {
    const { text, isError } = await agent
      .call(args, { timeout: 2000 })
      .catch((error: unknown) => ({ text: String(error), isError: true }));
    if (!isError) return true;
    const told = /Retry only after (\d+) s/.exec(text)?.[1];
    // A tenth of what it is told keeps the test short, and makes the agents ten times as eager.
    await new Promise((resolve) => setTimeout(resolve, told === undefined ? 50 : Number(told) * 100));
  }
  return false;
}

describe.each<Era>(['sessions', 'stateless'])('a fleet of eager agents (%s)', (era) => {
  it.each([
    ['budget alone', { TOOL_BREAKER: 'closed' }],
    ['budget and breaker', {}],
  ])('makes at most 1.1 calls for each piece of work while the tool hangs: %s', async (_name, levers) => {
    const upstream = await server(era);
    const one = await guard(upstream, { TOOL_TIMEOUT_SECONDS: '0.3', TOOL_RETRY_BUDGET: '0.1', ...levers });
    const agents = await Promise.all(Array.from({ length: 20 }, (_, id) => client(era, one, `token-${id}`)));
    upstream.work.mode = 'hang';
    const begun = performance.now();
    const over = () => performance.now() - begun > 4000;
    await Promise.all(agents.map((agent, id) => persist(agent, { of: String(id) }, over)));
    expect(upstream.work.calls.length).toBeGreaterThanOrEqual(5);
    expect(upstream.work.calls.length).toBeLessThanOrEqual(22);
    expect(await ofWork(one, 'mcp_tool_retries_total')).toBeGreaterThan(20);
    const rejected = await Promise.all(
      ['rejected_retry', 'rejected_breaker'].map((outcome) => ended(one, outcome)),
    );
    expect(rejected[0]! + rejected[1]!).toBeGreaterThan(50);
  });

  it('has done its work within 5 s once the tool has healed', async () => {
    const upstream = await server(era);
    const one = await guard(upstream, { TOOL_TIMEOUT_SECONDS: '0.3', TOOL_RETRY_BUDGET: '0.1' });
    const agents = await Promise.all(Array.from({ length: 20 }, (_, id) => client(era, one, `token-${id}`)));
    upstream.work.mode = 'hang';
    let healed = Number.POSITIVE_INFINITY;
    const over = () => performance.now() - healed > 10_000;
    const fleet = Promise.all(agents.map((agent, id) => persist(agent, { of: String(id) }, over)));
    await eventually(
      () => ofWork(one, 'mcp_tool_breaker_state'),
      (state) => state === 2,
    );
    await new Promise((resolve) => setTimeout(resolve, 1000));
    upstream.work.mode = 'answer';
    healed = performance.now();
    expect(await fleet).toEqual(agents.map(() => true));
    expect(performance.now() - healed).toBeLessThan(5000);
  });
});
