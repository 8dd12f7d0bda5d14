/**
 * Is a storm absorbed before anyone is paged? One fleet, one server, a guard with MAX_INIT_PER_SECOND=auto from
 * the start and nobody who does anything; beside it the same fleet with no guard.
 * `node bench/storm-auto.ts` runs it alone (about four minutes).
 */
import { loadavg } from 'node:os';
import { argv, execPath, stderr, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../src/kernel/index.ts';
import { Lab } from '../src/lab/index.ts';
import type { BenchResult } from './run.ts';
import { breakSessions, measureCapacity, measureHandshakes, round, seconds } from './storm-parts.ts';

const CLIENTS = 2000;
const INITIALIZE_COST_MS = 10;
const UNGUARDED_MS = 60_000;
const BACK = 0.99;
const TARGET = 1.2;
const CONNECTING = { timeoutMs: 300_000 };

/** The ratio is the time from the restart until 99% are back, over clients / capacity. */
export async function stormAuto(): Promise<BenchResult> {
  const guarded = await withAuto();
  const unguardedBackRatio = await withoutGuard();
  const ideal = CLIENTS / guarded.handshakesPerSecond;
  const ratio = guarded.secondsFromRestart / ideal;
  return {
    question: `How long until 99% of ${CLIENTS} clients have a working session again with nobody acting, over clients / capacity?`,
    measured: {
      clients: CLIENTS,
      initializeCostMs: INITIALIZE_COST_MS,
      ...guarded,
      idealSeconds: round(ideal),
      unguardedSeconds: UNGUARDED_MS / 1000,
      unguardedBackRatio,
      pinned: 'nothing: server, guard and fleet share the cores',
      loadAverage: round(loadavg()[0] ?? 0),
    },
    ratio: round(ratio),
    target: `at most ${TARGET}, with no operator; with no guard they do not come back`,
    met: ratio <= TARGET && unguardedBackRatio < BACK,
  };
}

async function withAuto() {
  await using lab = new Lab({ clock: systemClock });
  const upstream = await lab.startUpstream({ initializeCostMs: INITIALIZE_COST_MS });
  const initializesPerSecond = await measureCapacity(upstream);
  const handshakesPerSecond = await measureHandshakes(upstream);
  const guard = await lab.startGuardProcess({
    command: [execPath, fileURLToPath(new URL('../src/cli/main.ts', import.meta.url)), 'guard'],
    upstreams: [upstream.url],
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    token: 'bench',
    env: { MAX_INIT_PER_SECOND: 'auto' },
  });
  const fleet = await lab.startFleet({ clients: CLIENTS, url: guard.url });
  const connectSeconds = await seconds(() => fleet.connect({ signal: lab.signal, ...CONNECTING }));
  await systemClock.sleep(3_000, lab.signal);
  const before = fleet.latest;
  const broken = await breakSessions(upstream, fleet, lab.signal);
  const back = await fleet.until((report) => report.connected >= BACK * CLIENTS, {
    timeoutMs: 180_000,
    what: 'back',
    signal: lab.signal,
  });
  const secondsFromRestart = (systemClock.monotonic() - broken) / 1000;
  return {
    connectSeconds: round(connectSeconds),
    initializesPerSecond: round(initializesPerSecond),
    handshakesPerSecond: round(handshakesPerSecond),
    secondsFromRestart: round(secondsFromRestart),
    attempts: back.attempts - before.attempts,
    clientTimeouts: back.timeouts - before.timeouts,
  };
}

async function withoutGuard(): Promise<number> {
  await using lab = new Lab({ clock: systemClock });
  const upstream = await lab.startUpstream({ initializeCostMs: INITIALIZE_COST_MS });
  const fleet = await lab.startFleet({ clients: CLIENTS, url: upstream.url });
  await fleet.connect({ signal: lab.signal, ...CONNECTING });
  await systemClock.sleep(3_000, lab.signal);
  await breakSessions(upstream, fleet, lab.signal);
  await systemClock.sleep(UNGUARDED_MS, lab.signal);
  return round(fleet.latest.connected / CLIENTS);
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  stderr.write('storm-auto: about four minutes\n');
  const result = await stormAuto();
  stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  if (!result.met) process.exitCode = 1;
}
