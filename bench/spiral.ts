/**
 * What does a tool whose dependency is slow for a while cost that dependency, and how soon is it back? The same
 * agents, the same slowness: behind the guard with its levers set, and beside it with no guard. `node bench/spiral.ts`
 * runs it alone (about three minutes).
 */
import { loadavg } from 'node:os';
import { argv, execPath, stderr, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../src/kernel/index.ts';
import {
  type Agents,
  connectAgents,
  Lab,
  type SearchIndex,
  startAgents,
  startSearchIndex,
} from '../src/lab/index.ts';
import type { BenchResult } from './run.ts';

const AGENTS = 300;
const STEADY_MS = 5_000;
/** Queries take so much longer, for so long. */
const SLOWDOWN = 25;
const SLOW_MS = 20_000;
const DEADLINE_SECONDS = 2;
/** How long to wait for the agents after the index has healed. */
const PATIENCE_MS = 60_000;
const BACK = 0.99;
const REPORTS_PER_SECOND = 4;
const TARGET_CALLS = 1.1;
const TARGET_SECONDS = 5;

interface Course {
  /** Queries that reached the index while it was slow, over the questions that agents had in that time. */
  readonly queriesPerQuestion: number;
  /** The same, up to the end: until the agents had their answers, or nobody waited any longer for that. */
  readonly queriesPerQuestionInAll: number;
  readonly callsPerQuestion: number;
  readonly questions: number;
  readonly givenUp: number;
  /** From the index healing to the end of a second with as many answers as on the calm system before. Null: never. */
  readonly answersBackSeconds: number | null;
  /** From the index healing until 99% of the agents have their answers. Null: never. */
  readonly agentsBackSeconds: number | null;
  /** The most queries that waited in the index. */
  readonly mostWaiting: number;
  /** Calls of the other tool, and those that took more than a second. */
  readonly lookups: number;
  readonly lookupsLate: number;
  readonly agentsLoopDelayMs: number;
}

/** The ratio is downstream calls per logical call, behind the guard, while the dependency is slow or until all is well, whichever is more. */
export async function spiral(): Promise<BenchResult> {
  const guarded = await slowTime(true);
  const unguarded = await slowTime(false);
  const ratio = Math.max(guarded.queriesPerQuestion, guarded.queriesPerQuestionInAll);
  const { answersBackSeconds: back } = guarded;
  return {
    question: `How many calls reach a dependency for each call that ${AGENTS} agents want answered while it is slow for ${SLOW_MS / 1000} s, and how soon does the tool answer as before once it has healed?`,
    measured: {
      agents: AGENTS,
      slowSeconds: SLOW_MS / 1000,
      slowdown: SLOWDOWN,
      levers: `deadline ${DEADLINE_SECONDS} s, bulkhead of half a second's work, retry budget 0.1, breaker auto`,
      guarded,
      unguarded,
      loadAverage: round(loadavg()[0] ?? 0),
    },
    ratio,
    target: `at most ${TARGET_CALLS} calls, back within ${TARGET_SECONDS} s (was ${back ?? 'never'}); with no guard ${unguarded.queriesPerQuestion} calls, back ${unguarded.answersBackSeconds ?? 'never'}`,
    met: ratio <= TARGET_CALLS && back !== null && back <= TARGET_SECONDS,
  };
}

async function slowTime(guarded: boolean): Promise<Course> {
  await using lab = new Lab({ clock: systemClock });
  const index = await startSearchIndex(lab, AGENTS);
  const server = await lab.startUpstream({ initializeCostMs: 0, dependency: index.url });
  const url = guarded ? await startGuard(lab, server.url, index.bulkhead) : server.url;
  const agents = await startAgents(lab, { agents: AGENTS, url });
  await connectAgents(agents, index, lab.signal);
  await systemClock.sleep(STEADY_MS / 2, lab.signal);
  const calm = agents.latest;
  await systemClock.sleep(STEADY_MS, lab.signal);

  const start = agents.latest;
  const calmPerSecond = ((start.answered - calm.answered) * 1000) / STEADY_MS;
  const { queries } = index.latest;
  index.slow(SLOWDOWN, SLOW_MS);
  await index.until(({ slow }) => slow, { timeoutMs: 5_000, what: 'slow', signal: lab.signal });
  const mostWaiting = watchQueue(index, agents);
  await index.until(({ slow }) => !slow, { timeoutMs: 2 * SLOW_MS, what: 'healed', signal: lab.signal });
  const healedAt = systemClock.monotonic();
  const end = agents.latest;
  const queriesAtEnd = index.latest.queries;
  const back = await whenBack(agents, calmPerSecond, healedAt, lab.signal);
  const last = agents.latest;
  const waiting = start.questions - start.answered - start.givenUp;
  const questions = end.questions - start.questions + waiting;
  const questionsInAll = last.questions - start.questions + waiting;
  return {
    queriesPerQuestion: round((queriesAtEnd - queries) / questions),
    queriesPerQuestionInAll: round((index.latest.queries - queries) / questionsInAll),
    callsPerQuestion: round((end.calls - start.calls) / questions),
    questions,
    givenUp: end.givenUp - start.givenUp,
    ...back,
    mostWaiting: mostWaiting(),
    lookups: last.lookups - start.lookups,
    lookupsLate: last.lookupsLate - start.lookupsLate,
    agentsLoopDelayMs: round(last.loopDelayMs),
  };
}

async function startGuard(lab: Lab, upstream: string, concurrency: number): Promise<string> {
  const guard = await lab.startGuardProcess({
    command: [execPath, fileURLToPath(new URL('../src/cli/main.ts', import.meta.url)), 'guard'],
    upstreams: [upstream],
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    token: 'bench',
    env: {
      'TOOL_TIMEOUT_SECONDS[search]': String(DEADLINE_SECONDS),
      'TOOL_MAX_CONCURRENCY[search]': String(concurrency),
      'TOOL_RETRY_BUDGET[search]': '0.1',
    },
  });
  return guard.url;
}

function watchQueue(index: SearchIndex, agents: Agents): () => number {
  let most = 0;
  const stop = agents.onReport(() => {
    most = Math.max(most, index.latest.waiting);
  });
  return () => {
    stop();
    return most;
  };
}

/** When there are as many answers again as before, and when the agents have what they wanted. */
async function whenBack(agents: Agents, calmPerSecond: number, healedAt: number, signal: AbortSignal) {
  const since = () => round((systemClock.monotonic() - healedAt) / 1000);
  let answersBackSeconds: number | null = null;
  let agentsBackSeconds: number | null = null;
  /** Answers at each report of the last second. */
  const answered: number[] = [];
  while (agentsBackSeconds === null && systemClock.monotonic() - healedAt < PATIENCE_MS) {
    const { latest } = agents;
    answered.push(latest.answered);
    if (answered.length > REPORTS_PER_SECOND + 1) answered.shift();
    const inSecond = latest.answered - answered[0]!;
    if (answersBackSeconds === null && inSecond >= calmPerSecond) answersBackSeconds = since();
    if (latest.working >= BACK * AGENTS) agentsBackSeconds = since();
    await systemClock.sleep(1000 / REPORTS_PER_SECOND, signal);
  }
  return { answersBackSeconds, agentsBackSeconds };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  stderr.write('spiral: about three minutes\n');
  const result = await spiral();
  stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  if (!result.met) process.exitCode = 1;
}
