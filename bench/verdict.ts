/**
 * How long after an alert does the stored verdict stand, over what the checks' own commands need? The same
 * commands are run by plain `bash -c` in the same rounds, at the same time and with the same pause between
 * the two samples of a rate.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSurroundings } from '../src/app/surroundings.ts';
import { DEFAULT_POLICY, type Operator, openJournal, respond } from '../src/engine/index.ts';
import { receive } from '../src/intake/index.ts';
import { systemClock } from '../src/kernel/index.ts';
import type { Alert } from '../src/metrics/index.ts';
import { parseRunbook, type Runbook } from '../src/runbook/index.ts';
import { openStore, type Store } from '../src/store/index.ts';
import type { BenchResult } from './run.ts';

const ROUNDS = 7;
const SAMPLE_SECONDS = 3;
const LIMIT_SECONDS = 1;

/** From `receive(alert)` until the verdict is durable, beside the commands alone; medians of alternating rounds. */
export async function verdict(): Promise<BenchResult> {
  let handshakes = 0;
  const page = createServer((_request, response) => response.end(metricsPage((handshakes += 1000))));
  await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve));
  const folder = await mkdtemp(join(tmpdir(), 'bench-verdict-'));
  const store = await openStore(join(folder, 'allclear.db'));
  try {
    const runbook = stormRunbook((page.address() as AddressInfo).port);
    const alerts: number[] = [];
    const commands: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      commands.push(await timeCommands(runbook));
      alerts.push(await timeVerdict(runbook, store, round));
    }
    const toVerdict = median(alerts);
    const own = median(commands);
    return {
      question: 'How long after an alert does the stored verdict stand, over the time of its commands?',
      measured: {
        rounds: ROUNDS,
        checks: runbook.checks.length,
        alertToStoredVerdictSeconds: toVerdict,
        commandsAloneSeconds: own,
        addedSeconds: round3(toVerdict - own),
        worstAddedSeconds: round3(Math.max(...alerts.map((value, index) => value - commands[index]!))),
      },
      ratio: round3(toVerdict / own),
      target: `at most ${LIMIT_SECONDS} s above the commands' own time`,
      met: toVerdict - own <= LIMIT_SECONDS,
    };
  } finally {
    await store.close();
    page.closeAllConnections();
    page.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function stormRunbook(port: number): Runbook {
  const metrics = `curl -s http://127.0.0.1:${port}/metrics`;
  const source = [
    '---\nalerts: [Storm]\n---\n# Storm\n\n## Diagnosis\n',
    check('initialize-rate', `${metrics} | grep mcp_initialize_total`, 'rate < 100'),
    check('initialize-latency', `${metrics} | grep mcp_initialize_duration`, 'p95 < 0.2'),
    check('queue', `${metrics} | grep mcp_initialize_queue_depth`, 'value < 10'),
    check('slow-tool', 'sleep 0.5; echo 812', 'value < 10'),
    check('restarts', 'echo started | grep -c started', 'value == 0'),
  ].join('\n');
  return parseRunbook(source, 'storm.md');
}

function check(name: string, command: string, normal: string): string {
  return `\`\`\`bash {"name":"${name}","normal":"${normal}"}\n${command}\n\`\`\`\n`;
}

function metricsPage(count: number): string {
  const buckets = ['0.2', '10', '+Inf'].map(
    (le, index) => `mcp_initialize_duration_seconds_bucket{le="${le}"} ${index * count}`,
  );
  return `mcp_initialize_total{outcome="ok"} ${count}
mcp_initialize_queue_depth 812
${buckets.join('\n')}
mcp_initialize_duration_seconds_sum ${count}
mcp_initialize_duration_seconds_count ${2 * count}
`;
}

/** All commands at once; a rate or a percentile needs its command twice. */
async function timeCommands(runbook: Runbook): Promise<number> {
  const started = performance.now();
  await Promise.all(
    runbook.checks.map(async ({ command, normal }) => {
      await bash(command);
      if (!/rate|p95/.test(normal?.cel ?? '')) return;
      await sleep(SAMPLE_SECONDS * 1000);
      await bash(command);
    }),
  );
  return round3((performance.now() - started) / 1000);
}

function bash(command: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', command], { stdio: 'ignore' });
    child.once('error', reject);
    child.once('close', () => resolve());
  });
}

async function timeVerdict(runbook: Runbook, store: Store, round: number): Promise<number> {
  const open = await openSurroundings(
    { sampleSeconds: String(SAMPLE_SECONDS) },
    { env: process.env, cwd: tmpdir() },
  );
  try {
    const started = performance.now();
    let storedAt = Number.NaN;
    const [received] = await receive([alert(round)], {
      store,
      clock: systemClock,
      runbooks: [runbook],
      actor: 'bench',
      identifyingLabels: ['round'],
    });
    const incident = received?.incident;
    if (!incident) throw new Error('the alert opened no incident');
    await respond({
      runbook,
      journal: openJournal({
        store,
        incident,
        actor: 'bench',
        onEvent: ({ kind }) => {
          if (kind === 'verdict-reached') storedAt = performance.now();
        },
      }),
      operator: bystander,
      surroundings: open.surroundings,
      levers: null,
      policy: DEFAULT_POLICY,
      worker: 'bench',
    });
    return round3((storedAt - started) / 1000);
  } finally {
    await open.close();
  }
}

function alert(round: number): Alert {
  return {
    status: 'firing',
    labels: { alertname: 'Storm', round: String(round) },
    annotations: {},
    startsAt: systemClock.now(),
    endsAt: null,
    fingerprint: `bench-${round}`,
  };
}

/** Stops after the verdict: nothing else is measured here. */
const bystander: Operator = {
  proceed: async () => 'stop',
  approve: async () => ({ decision: 'aborted', why: 'not measured' }),
  reportManual: async () => ({ outcome: 'aborted', note: '' }),
  decideUnknown: async () => 'skip',
  decideFailed: async () => 'abort',
  answer: async () => 'unknown',
  stopEarly: async () => true,
  afterFailedVerify: async (why) => ({ action: 'stop', why }),
};

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function round3(value: number): number {
  return Math.round(value * 1000) / 1000;
}
