import { describe, expect, it } from 'vitest';
import { TestClock } from '../kernel/index.ts';
import type { MetricsSource } from '../metrics/index.ts';
import type { Check } from '../runbook/index.ts';
import { condition, testCheck, testRunbook, testSurroundings } from './testing.ts';
import { type Round, type Verification, type VerifyUntilOptions, verifyOnce, verifyUntil } from './verify.ts';

/** A metric whose value is a function of the seconds since the start. */
function setting(valueAt: (seconds: number) => number | null) {
  const clock = new TestClock();
  const start = clock.now();
  const metrics: MetricsSource = {
    name: 'test',
    query: () => {
      const value = valueAt((clock.now() - start) / 1000);
      return Promise.resolve({ type: 'vector', samples: value === null ? [] : [{ labels: {}, value }] });
    },
  };
  return { clock, surroundings: testSurroundings({ clock, metrics }) };
}

function measured(name: string, changes: Partial<Check> = {}): Check {
  return testCheck(name, 'm', {
    section: 'verify',
    language: 'promql',
    normal: condition('value < 10'),
    ...changes,
  });
}

const question = testCheck('cpu', 'm', {
  section: 'verify',
  language: 'promql',
  question: 'Is the CPU below 60%?',
});

/** Normal from 10 s on, with a relapse from 15 to 17 s. */
function relapsing(seconds: number): number {
  return seconds < 10 || (seconds >= 15 && seconds < 17) ? 50 : 5;
}

/** Runs to the end while the test clock moves on, second by second. */
async function until(
  checks: readonly Check[],
  valueAt: (seconds: number) => number | null,
  options: VerifyUntilOptions = {},
): Promise<Verification & { seconds: number; log: Round[] }> {
  const { clock, surroundings } = setting(valueAt);
  const log: Round[] = [];
  const ended: { done?: Verification; error?: unknown } = {};
  const running = verifyUntil(testRunbook(checks), surroundings, {
    pollSeconds: 1,
    ...options,
    onRound: (round) => log.push(round),
  }).then(
    (done) => Object.assign(ended, { done }),
    (error: unknown) => Object.assign(ended, { error }),
  );
  while (ended.done === undefined && ended.error === undefined && clock.monotonic() < 1_000_000) {
    // Lets the round's own promises come to their end before time moves.
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    if (ended.done === undefined) await clock.advance(1000);
  }
  await running;
  if (ended.done === undefined) throw ended.error;
  return { ...ended.done, seconds: clock.monotonic() / 1000, log };
}

describe('verifying once', () => {
  it('is verified when every check is normal', async () => {
    const { surroundings } = setting(() => 5);
    expect(await verifyOnce(testRunbook([measured('a'), measured('b')]), surroundings)).toMatchObject({
      verified: true,
      why: 'All 2 checks under Verify are normal.',
      rounds: 1,
    });
  });

  it('is not verified when one is not, and says which', async () => {
    const { surroundings } = setting(() => 50);
    const done = await verifyOnce(testRunbook([question, measured('latency')]), surroundings);
    expect(done).toMatchObject({
      verified: false,
      why: 'Not verified: latency is abnormal (and 1 more): Latency is 50; normal is value < 10.',
    });
    expect(done.readings.map(({ check }) => check)).toEqual(['cpu', 'latency']);
  });

  it('is not verified without data, without checks, or with checks that state nothing', async () => {
    const { surroundings } = setting(() => null);
    expect((await verifyOnce(testRunbook([measured('a')]), surroundings)).verified).toBe(false);
    expect((await verifyOnce(testRunbook([]), surroundings)).verified).toBe(false);
    expect((await verifyOnce(testRunbook([measured('a', { normal: null })]), surroundings)).verified).toBe(
      false,
    );
  });

  it('does not look at Diagnosis', async () => {
    const { surroundings } = setting(() => 5);
    const broken = testCheck('d', 'exit 9', { normal: condition('value < 0') });
    expect((await verifyOnce(testRunbook([broken, measured('a')]), surroundings)).verified).toBe(true);
  });
});

describe('a question to the operator', () => {
  it.each([
    ['yes', true],
    ['no', false],
    ['unknown', false],
  ] as const)('answered %s makes verified %s', async (answer, verified) => {
    const { surroundings } = setting(() => 5);
    const asked: string[] = [];
    const done = await verifyOnce(testRunbook([question, measured('a')]), surroundings, {
      askQuestion: (text) => {
        asked.push(text);
        return Promise.resolve(answer);
      },
    });
    expect(done.verified).toBe(verified);
    expect(asked).toEqual(['Is the CPU below 60%?']);
  });

  it('that nobody answers is never passed', async () => {
    const done = await until([question, measured('a')], () => 5);
    expect(done).toMatchObject({ verified: false, rounds: 1 });
    expect(done.why).toMatch(/Only a person can tell: Is the CPU below 60%\?/);
  });

  it('is put once, when all that can be measured is normal', async () => {
    const asked: number[] = [];
    const done = await until([question, measured('a')], (seconds) => (seconds < 20 ? 50 : 5), {
      askQuestion: () => {
        asked.push(1);
        return Promise.resolve('yes');
      },
    });
    expect(done.verified).toBe(true);
    expect(asked).toHaveLength(1);
    expect(done.seconds).toBeGreaterThanOrEqual(20);
  });

  it('answered no ends the waiting', async () => {
    const done = await until([question, measured('a')], () => 5, {
      askQuestion: () => Promise.resolve('no'),
    });
    expect(done).toMatchObject({ verified: false, rounds: 1 });
    expect(done.why).toMatch(/cpu is abnormal.*answered no/);
  });
});

describe('verifying until it holds', () => {
  it('ends as soon as all is normal', async () => {
    const done = await until([measured('a')], (seconds) => (seconds < 30 ? 50 : 5));
    expect(done.verified).toBe(true);
    expect(done.seconds).toBeGreaterThanOrEqual(30);
    expect(done.seconds).toBeLessThanOrEqual(31);
  });

  it('ends not verified after 5 minutes where the check does not say', async () => {
    const done = await until([measured('a')], () => 50);
    expect(done.verified).toBe(false);
    expect(done.why).toMatch(/^Not verified: a is abnormal: .*, after 5 min\.$/);
    expect(done.seconds).toBeGreaterThanOrEqual(300);
    expect(done.seconds).toBeLessThanOrEqual(302);
  });

  it('ends with the first check whose own time is over', async () => {
    const done = await until([measured('a'), measured('b', { within: 20 })], () => 50);
    expect(done.verified).toBe(false);
    expect(done.seconds).toBeLessThanOrEqual(22);
  });

  it('demands normal for as long as the check says, without a break', async () => {
    const done = await until([measured('a', { holdFor: 10 })], relapsing);
    expect(done.verified).toBe(true);
    expect(done.seconds).toBeGreaterThanOrEqual(27);
    expect(done.seconds).toBeLessThanOrEqual(29);
    expect(done.log.some(({ holding }) => holding.includes('a'))).toBe(true);
  });

  it('lets a check that became normal in time hold beyond the end of its time', async () => {
    const done = await until([measured('a', { within: 20, holdFor: 10 })], (seconds) =>
      seconds < 18 ? 50 : 5,
    );
    expect(done.verified).toBe(true);
  });

  it('tells each round, with the seconds that are left', async () => {
    const done = await until([measured('a', { within: 10 })], () => 50, { pollSeconds: 5 });
    expect(done.log.map(({ round, left }) => [round, Math.round(left)])).toEqual([
      [1, 10],
      [2, 5],
      [3, 0],
    ]);
  });

  it('is stopped with a coded error', async () => {
    const { surroundings } = setting(() => 50);
    const abort = new AbortController();
    const done = verifyUntil(testRunbook([measured('a')]), surroundings, {
      signal: abort.signal,
      onRound: () => setImmediate(() => abort.abort()),
    });
    await expect(done).rejects.toMatchObject({ code: 'E_CANCELLED' });
  });
});
