/**
 * With 50 runbooks in the family: how long after an alert do all their verdicts stand in the store, over what the
 * slowest check alone needs? A real worker, its checks in the sandbox that the system offers, as by default. In
 * the same rounds the slowest check is run alone by plain `bash -c`, with the pause between its two samples.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startIncidentWorker } from '../src/app/incident-worker.ts';
import {
  type Desk,
  planNext,
  policiesSchema,
  readTimeline,
  sandboxSettings,
  type TimelineEvent,
} from '../src/engine/index.ts';
import { receive } from '../src/intake/index.ts';
import { systemClock } from '../src/kernel/index.ts';
import { parseRunbook, type Runbook } from '../src/runbook/index.ts';
import { listEvents, openStore, type Store } from '../src/store/index.ts';
import type { BenchResult } from './run.ts';

const RUNBOOKS = 50;
const ROUNDS = 5;
const SAMPLE_SECONDS = 3;
const LIMIT_SECONDS = 2;

/** From `receive(alert)` until all verdicts are durable; medians of alternating rounds. */
export async function family(): Promise<BenchResult> {
  let handshakes = 0;
  const page = createServer((_request, response) =>
    response.end(`mcp_initialize_total{outcome="ok"} ${(handshakes += 1000)}\nmcp_queue_depth 812\n`),
  );
  await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve));
  const folder = await mkdtemp(join(tmpdir(), 'bench-family-'));
  const store = await openStore(join(folder, 'allclear.db'));
  const list = runbooks((page.address() as AddressInfo).port);
  const desk: Desk = {
    store,
    clock: systemClock,
    library: { list: () => list },
    policies: policiesSchema.parse([]),
    params: {},
    secrets: [],
  };
  const worker = await startIncidentWorker({
    desk,
    sites: null,
    concurrency: 8,
    drainSeconds: 1,
    surroundings: { sampleSeconds: String(SAMPLE_SECONDS) },
    sandbox: sandboxSettings.parse({}),
    env: process.env,
    cwd: folder,
    log: () => {},
  });
  try {
    const slowest: number[] = [];
    const verdicts: number[] = [];
    let sandbox = '';
    for (let round = 0; round < ROUNDS; round++) {
      slowest.push(await timed(() => slowestAlone((page.address() as AddressInfo).port)));
      const started = performance.now();
      const seen = await allVerdicts(desk, round);
      verdicts.push((performance.now() - started) / 1000);
      sandbox = seen.sandbox;
      requireRight(seen.verdicts);
    }
    const all = median(verdicts);
    const alone = median(slowest);
    return {
      question: 'How long after an alert do the verdicts of 50 runbooks stand, over the slowest check alone?',
      measured: {
        rounds: ROUNDS,
        runbooks: RUNBOOKS,
        checks: list.reduce((sum, { checks }) => sum + checks.length, 0),
        distinctCommands: new Set(list.flatMap(({ checks }) => checks.map(({ command }) => command))).size,
        sandbox,
        alertToAllVerdictsSeconds: round3(all),
        slowestCheckAloneSeconds: round3(alone),
        addedSeconds: round3(all - alone),
        worstAddedSeconds: round3(Math.max(...verdicts.map((value, index) => value - slowest[index]!))),
      },
      ratio: round3(all / alone),
      target: `at most ${LIMIT_SECONDS} s above the slowest check`,
      met: all - alone <= LIMIT_SECONDS && sandbox !== '' && !sandbox.startsWith('none'),
    };
  } finally {
    await worker.stop();
    await store.close();
    page.closeAllConnections();
    page.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Each has two checks that all have in common and two of its own; every tenth is what has happened. */
function runbooks(port: number): Runbook[] {
  return Array.from({ length: RUNBOOKS }, (_, index) => {
    const source = [
      `---\nid: mode-${index}\nalerts: [Mode${index}]\n---\n# Failure mode ${index}\n\n## Diagnosis\n`,
      check('initialize-rate', metric(port, 'mcp_initialize_total'), 'rate < 100'),
      check('queue', metric(port, 'mcp_queue_depth'), 'value < 10'),
      check('own', `: ${index}; sleep 0.${index % 10}; echo 812`, 'value < 10'),
      check('restarts', `echo mode-${index} | grep -c ${index % 10 === 0 ? 'mode' : 'none'}`, 'value == 0'),
    ];
    return parseRunbook(source.join('\n'), `family/mode-${index}.md`);
  });
}

function metric(port: number, name: string): string {
  return `curl -s http://127.0.0.1:${port}/metrics | grep ${name}`;
}

function check(name: string, command: string, normal: string): string {
  return `\`\`\`bash {"name":"${name}","normal":"${normal}"}\n${command}\n\`\`\`\n`;
}

/** The rate: its command twice, with the pause between the samples. */
async function slowestAlone(port: number): Promise<void> {
  const command = metric(port, 'mcp_initialize_total');
  await bash(command);
  await sleep(SAMPLE_SECONDS * 1000);
  await bash(command);
}

function bash(command: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', command], { stdio: 'ignore' });
    child.once('error', reject);
    child.once('close', () => resolve());
  });
}

interface Seen {
  readonly sandbox: string;
  readonly verdicts: readonly { readonly runbook: string; readonly verdict: string }[];
}

async function allVerdicts(desk: Desk, round: number): Promise<Seen> {
  const [received] = await receive([alert(round)], {
    store: desk.store,
    clock: desk.clock,
    runbooks: desk.library.list(),
    actor: 'bench',
    identifyingLabels: ['round'],
    plan: planNext(desk),
  });
  const incident = received?.incident;
  if (!incident) throw new Error('the alert opened no incident');
  const events = await untilVerdict(desk.store, incident);
  const differential = events.find((event) => event.kind === 'differential')!.data;
  const linked = events.find((event) => event.kind === 'verdict-reached')!.data;
  return {
    sandbox: differential.sandbox,
    verdicts: [{ runbook: 'mode-1', verdict: linked.verdict }, ...differential.verdicts],
  };
}

function untilVerdict(store: Store, incident: string): Promise<readonly TimelineEvent[]> {
  return new Promise((resolve, reject) => {
    const look = async (): Promise<void> => {
      const events = readTimeline(await listEvents(store.db, incident));
      if (!events.some(({ kind }) => kind === 'verdict-reached')) return;
      stop();
      clearTimeout(late);
      resolve(events);
    };
    const stop = store.onChange(() => void look().catch(reject));
    const late = setTimeout(() => {
      stop();
      reject(new Error('no verdict within a minute'));
    }, 60_000);
    void look().catch(reject);
  });
}

/** A figure for wrong verdicts would be worth nothing. */
function requireRight(verdicts: Seen['verdicts']): void {
  const wrong = verdicts.filter(({ runbook, verdict }) => {
    const expected = Number(runbook.slice('mode-'.length)) % 10 === 0 ? 'confirmed' : 'inconclusive';
    return verdict !== expected;
  });
  if (verdicts.length === RUNBOOKS && wrong.length === 0) return;
  throw new Error(`${verdicts.length} verdicts, wrong: ${JSON.stringify(wrong.slice(0, 3))}`);
}

function alert(round: number) {
  return {
    status: 'firing' as const,
    labels: { alertname: 'Mode1', round: String(round) },
    annotations: {},
    startsAt: systemClock.now(),
    endsAt: null,
    fingerprint: `bench-${round}`,
  };
}

async function timed(task: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await task();
  return (performance.now() - started) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function round3(value: number): number {
  return Math.round(value * 1000) / 1000;
}
