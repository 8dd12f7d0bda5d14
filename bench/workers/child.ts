/**
 * One worker process of the benchmark: `child.ts STORE FOLDER CONCURRENCY`. Its parent tells it `go`, and then `pause` or
 * `stop`; it says `ready` when it waits for `go`. What ran after the first, second … `go` is in `PID.1`, `PID.2` …
 */
import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_LEASE, type Execute, incidentEnv, planNext, runWorker } from '../../src/engine/index.ts';
import { autonomousDesk } from '../../src/engine/work/testing.ts';
import { systemClock } from '../../src/kernel/index.ts';
import { openStore } from '../../src/store/index.ts';

const [location = '', folder = '', concurrency = '8'] = process.argv.slice(2);
const store = await openStore(location);
const desk = autonomousDesk(store);
let run = 0;
let log = -1;

/** The step in-process: it writes down that it ran, and is done. */
const execute: Execute = async ({ command, surroundings }) => {
  writeSync(log, `${surroundings.env['ALLCLEAR_INCIDENT']} ${command}\n`);
  return {
    exit: 0,
    signal: null,
    stdout: '',
    stderr: '',
    truncated: false,
    timedOut: false,
    cancelled: false,
    missingCommand: null,
    unreachable: null,
    blocked: null,
    pipeline: [0],
    durationMs: 0,
  };
};

process.once('disconnect', () => process.exit(1));
for (;;) {
  process.send?.('ready');
  if ((await told()) === 'stop') break;
  log = openSync(join(folder, `${process.pid}.${++run}`), 'a');
  const worker = await startWorker();
  const next = await told();
  await worker.stop();
  closeSync(log);
  if (next === 'stop') break;
}
await store.close();
process.exit(0);

function startWorker(): ReturnType<typeof runWorker> {
  return runWorker({
    store,
    clock: systemClock,
    name: `bench:${process.pid}`,
    version: 'bench',
    sites: null,
    concurrency: Number(concurrency),
    lease: DEFAULT_LEASE,
    surround: ({ incident, runbook }) => ({
      clock: systemClock,
      cwd: tmpdir(),
      env: {
        PATH: process.env['PATH'] ?? '/usr/bin:/bin',
        ...(runbook && incidentEnv(runbook, incident.labels, {})),
        ALLCLEAR_INCIDENT: incident.id,
      },
      hosts: [],
      metrics: null,
      secrets: [],
      sampleSeconds: 5,
    }),
    planNext: planNext(desk),
    diagnose: () => Promise.reject(new Error('nothing is to be diagnosed here')),
    // Verification is not what is measured.
    verifying: { within: 0, pollSeconds: 1 },
    levers: null,
    execute,
    log: (entry) => console.error(JSON.stringify(entry)),
    drainSeconds: 5,
  });
}

/** What the parent says next. */
async function told(): Promise<unknown> {
  const [message] = (await once(process, 'message')) as [unknown];
  return message;
}
