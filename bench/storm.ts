/**
 * How long do the clients of a session storm take to come back? One fleet size, one server, measured
 * with the guard and its lever, and beside it with no guard at all. `node bench/storm.ts` runs it alone
 * (about three minutes).
 */
import { loadavg } from 'node:os';
import { argv, execPath, stderr, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import { GuardLevers } from '../src/guard/index.ts';
import { systemClock } from '../src/kernel/index.ts';
import { Lab, type Upstream } from '../src/lab/index.ts';
import type { BenchResult } from './run.ts';
import { breakSessions, measureCapacity, round, seconds } from './storm-parts.ts';

const CLIENTS = 1000;
const INITIALIZE_COST_MS = 10;
const RATE = 50;
/** What the storm does before somebody acts. */
const LEVER_AFTER_MS = 5_000;
const UNGUARDED_MS = 60_000;
const BACK = 0.99;
const TARGET = 1.3;

/** The ratio is the time from the lever until 99% are back, over clients / rate. */
export async function storm(): Promise<BenchResult> {
  const guarded = await withGuard();
  const bare = await withoutGuard();
  const ratio = guarded.secondsFromLever / (CLIENTS / RATE);
  return {
    question: `How long until 99% of ${CLIENTS} clients have a working session again, over clients / rate?`,
    measured: {
      clients: CLIENTS,
      initializeCostMs: INITIALIZE_COST_MS,
      ratePerSecond: RATE,
      ...guarded,
      idealSecondsAtRate: CLIENTS / RATE,
      idealSecondsAtCapacity: round(CLIENTS / guarded.capacityPerSecond),
      ...bare,
      loadAverage: round(loadavg()[0] ?? 0),
    },
    ratio: round(ratio),
    target: `at most ${TARGET}; with no guard they do not come back`,
    met: ratio <= TARGET && bare.unguardedBackRatio < BACK,
  };
}

async function withGuard() {
  await using lab = new Lab({ clock: systemClock });
  const upstream = await lab.startUpstream({ initializeCostMs: INITIALIZE_COST_MS });
  const capacityPerSecond = await measureCapacity(upstream);
  const token = 'bench';
  const guard = await lab.startGuardProcess({
    command: [execPath, fileURLToPath(new URL('../src/cli/main.ts', import.meta.url)), 'guard'],
    upstreams: [upstream.url],
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    token,
  });
  const levers = new GuardLevers(guard.adminUrl, token);
  const fleet = await lab.startFleet({ clients: CLIENTS, url: guard.url });
  const connectSeconds = await seconds(() => fleet.connect({ signal: lab.signal }));
  fleet.churn(2);
  await systemClock.sleep(3_000, lab.signal);
  const before = fleet.latest;
  const broken = await breakSessions(upstream, fleet, lab.signal);
  await systemClock.sleep(LEVER_AFTER_MS, lab.signal);
  const atLever = fleet.latest.connected;
  const lever = systemClock.monotonic();
  await levers.set('MAX_INIT_PER_SECOND', String(RATE), { actor: 'bench', reason: 'storm', ttlSeconds: 600 });
  const back = await fleet.until((report) => report.connected >= BACK * CLIENTS, {
    timeoutMs: 4 * (CLIENTS / RATE) * 1000,
    what: 'back',
    signal: lab.signal,
  });
  const now = systemClock.monotonic();
  return {
    connectSeconds: round(connectSeconds),
    capacityPerSecond: round(capacityPerSecond),
    backAtLeverRatio: atLever / CLIENTS,
    secondsFromLever: round((now - lever) / 1000),
    secondsFromRestart: round((now - broken) / 1000),
    attempts: back.attempts - before.attempts,
    initializesDone: await initializesDone(upstream),
  };
}

async function withoutGuard() {
  await using lab = new Lab({ clock: systemClock });
  const upstream = await lab.startUpstream({ initializeCostMs: INITIALIZE_COST_MS });
  const fleet = await lab.startFleet({ clients: CLIENTS, url: upstream.url });
  await fleet.connect({ signal: lab.signal });
  fleet.churn(2);
  await systemClock.sleep(3_000, lab.signal);
  const before = fleet.latest;
  await breakSessions(upstream, fleet, lab.signal);
  await systemClock.sleep(UNGUARDED_MS, lab.signal);
  const after = fleet.latest;
  const done = await initializesDone(upstream);
  return {
    unguardedSeconds: UNGUARDED_MS / 1000,
    unguardedBackRatio: after.connected / CLIENTS,
    unguardedAttempts: after.attempts - before.attempts,
    unguardedInitializesForNothing: done - (after.handshakes - before.handshakes),
  };
}

/** What the server counts itself, since it was started last. */
async function initializesDone(upstream: Upstream): Promise<number> {
  const text = await (await fetch(upstream.metricsUrl)).text();
  return Number(/^lab_initialize_done_total (\d+)/m.exec(text)?.[1] ?? Number.NaN);
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  stderr.write('storm: about three minutes\n');
  const result = await storm();
  stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  if (!result.met) process.exitCode = 1;
}
