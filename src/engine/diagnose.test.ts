import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRunbook, type Runbook } from '../runbook/index.ts';
import { diagnose } from './diagnose.ts';
import { parseHostMapping } from './hosts.ts';
import type { Reading, Surroundings } from './model.ts';
import { condition, testCheck, testRunbook, testSurroundings } from './testing.ts';
import { verifyOnce } from './verify.ts';

const shared = process.env['ALLCLEAR_SHARED'] ?? fileURLToPath(new URL('../../../shared', import.meta.url));
const reference = join(shared, 'mission', 'session-storm.md');
const folder = mkdtempSync(join(tmpdir(), 'diagnose-test-'));

/** Handshakes per second, and how long each takes: what the metrics page then shows. */
let traffic = { rate: 1, seconds: 0.02 };
const since = performance.now();
const counted = { handshakes: 1000, inBuckets: [0, 0, 0], sum: 0, at: since };

const server = createServer((_request, response) => {
  const now = performance.now();
  const more = Math.round((traffic.rate * (now - counted.at)) / 1000);
  if (more > 0) counted.at = now;
  counted.handshakes += more;
  counted.sum += more * traffic.seconds;
  counted.inBuckets = [0.2, 10, Number.POSITIVE_INFINITY].map(
    (le, index) => counted.inBuckets[index]! + (traffic.seconds <= le ? more : 0),
  );
  const [fast, slow, all] = counted.inBuckets;
  response.end(`# HELP mcp_active_sessions Sessions
# TYPE mcp_active_sessions gauge
mcp_active_sessions 812
# TYPE mcp_initialize_total counter
mcp_initialize_total{outcome="ok"} ${counted.handshakes}
# TYPE mcp_initialize_duration_seconds histogram
mcp_initialize_duration_seconds_bucket{le="0.2"} ${fast}
mcp_initialize_duration_seconds_bucket{le="10"} ${slow}
mcp_initialize_duration_seconds_bucket{le="+Inf"} ${all}
mcp_initialize_duration_seconds_sum ${counted.sum}
mcp_initialize_duration_seconds_count ${all}
`);
});
let surroundings: Surroundings;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  surroundings = testSurroundings({
    env: { PATH: pathWithout('journalctl'), HOME: folder },
    hosts: [parseHostMapping(`mcp-server:9090=127.0.0.1:${port}`)],
    sampleSeconds: 1,
  });
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

function runbook(): Runbook {
  return parseRunbook(readFileSync(reference, 'utf8'), reference);
}

/** A PATH with just what the runbook uses, and without the one. */
function pathWithout(missing: string): string {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  chmodSync(bin, 0o755);
  for (const name of ['bash', 'curl', 'grep', 'journalctl', 'sleep'].filter((each) => each !== missing)) {
    const found = (process.env['PATH'] ?? '').split(delimiter).find((each) => existsSync(join(each, name)));
    if (found) symlinkSync(join(found, name), join(bin, name));
  }
  return bin;
}

describe.skipIf(!existsSync(reference) && !process.env['CI'])(
  'the reference runbook, unchanged, without journalctl',
  () => {
    it('is ruled out on a healthy system, and verifies but for its question', async () => {
      traffic = { rate: 5, seconds: 0.02 };
      const verdict = await diagnose(runbook(), surroundings);
      expect(verdict).toMatchObject({ runbook: 'session-storm', verdict: 'ruled-out' });
      expect(verdict.why).toMatch(
        /^One check is normal: initialization rate [\d.]+\/s \(normal: rate < 100, inferred\)\.$/,
      );
      expect(verdict.readings.map(({ judgement }) => judgement)).toEqual(['unknown', 'normal', 'error']);
      expect(verdict.readings[2]?.error?.message).toBe('`journalctl` does not exist here');
      const verified = await verifyOnce(runbook(), surroundings, {
        askQuestion: () => Promise.resolve('yes'),
      });
      expect(verified).toMatchObject({ verified: true });
    });

    it('is confirmed in a storm, and does not verify', async () => {
      traffic = { rate: 300, seconds: 4.8 };
      const verdict = await diagnose(runbook(), surroundings);
      expect(verdict.verdict).toBe('confirmed');
      expect(verdict.why).toMatch(/^One check is abnormal: initialization rate [23]\d\d\/s/);
      const verified = await verifyOnce(runbook(), surroundings, {
        askQuestion: () => Promise.resolve('yes'),
      });
      expect(verified.verified).toBe(false);
      expect(verified.why).toMatch(
        /^Not verified: initialize latency is abnormal: Initialize latency is p95 9\.\d s; normal is p95 < 0\.2/,
      );
    });

    it('is inconclusive when the endpoint is gone', async () => {
      const gone = { ...surroundings, hosts: [parseHostMapping('mcp-server:9090=127.0.0.1:1')] };
      const verdict = await diagnose(runbook(), gone);
      expect(verdict.verdict).toBe('inconclusive');
      expect(verdict.why).toBe('No check could be decided; broken: initialization rate.');
      expect(verdict.readings.every(({ judgement }) => judgement === 'error')).toBe(true);
    });
  },
);

describe('diagnosis', () => {
  it('keeps the readings in the order of the file, and tells each as it comes', async () => {
    const checks = [0.3, 0.15, 0].map((seconds, index) =>
      testCheck(`check-${index}`, `sleep ${seconds}; echo ${index}`),
    );
    const told: string[] = [];
    const verdict = await diagnose(testRunbook(checks), testSurroundings(), {
      onReading: ({ check }: Reading) => told.push(check),
    });
    expect(verdict.readings.map(({ check }) => check)).toEqual(['check-0', 'check-1', 'check-2']);
    expect(told).toEqual(['check-2', 'check-1', 'check-0']);
  });

  it('runs a few commands at a time', async () => {
    const log = join(folder, 'log');
    const checks = Array.from({ length: 10 }, (_, index) =>
      testCheck(`check-${index}`, `echo + >> ${log}; sleep 0.1; echo - >> ${log}; : ${index}`),
    );
    await diagnose(testRunbook(checks), testSurroundings());
    let running = 0;
    let most = 0;
    for (const mark of readFileSync(log, 'utf8').trim().split('\n')) {
      running += mark === '+' ? 1 : -1;
      most = Math.max(most, running);
    }
    expect(running).toBe(0);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(4);
  });

  it('waits for the second samples of all checks at the same time', async () => {
    const checks = Array.from({ length: 12 }, (_, index) =>
      testCheck(`check-${index}`, `echo "m_total{n=\\"${index}\\"} 1"`, { normal: condition('rate < 1') }),
    );
    const started = performance.now();
    const verdict = await diagnose(testRunbook(checks), testSurroundings({ sampleSeconds: 1 }));
    expect(verdict.verdict).toBe('ruled-out');
    expect(performance.now() - started).toBeLessThan(2500);
  });

  it('runs the checks of Diagnosis only', async () => {
    const verdict = await diagnose(
      testRunbook([testCheck('a', 'echo 1'), testCheck('b', 'echo 1', { section: 'verify' })]),
      testSurroundings(),
    );
    expect(verdict.readings.map(({ check }) => check)).toEqual(['a']);
  });

  it('stops with a coded error, and leaves nothing running', async () => {
    const pidFile = join(folder, 'pid');
    const checks = [
      ...Array.from({ length: 8 }, (_, index) => testCheck(`check-${index}`, `sleep 6${index}`)),
      testCheck('stubborn', `trap '' TERM; echo $$ > ${pidFile}; while :; do sleep 0.1; done`),
    ].toReversed();
    const started = performance.now();
    const done = diagnose(testRunbook(checks), testSurroundings(), { signal: AbortSignal.timeout(500) });
    await expect(done).rejects.toMatchObject({ code: 'E_CANCELLED' });
    // The grace for the stubborn one, and no more.
    expect(performance.now() - started).toBeLessThan(4500);
    expect(existsSync(`/proc/${readFileSync(pidFile, 'utf8').trim()}/task`)).toBe(false);
  });
});
