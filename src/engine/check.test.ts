import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AllclearError } from '../kernel/index.ts';
import type { MetricsSource, QueryResult } from '../metrics/index.ts';
import type { Check } from '../runbook/index.ts';
import { runCheck } from './check.ts';
import type { Reading, Surroundings } from './model.ts';
import { createObserver } from './observe.ts';
import { condition, testCheck, testSurroundings } from './testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'check-test-'));
let requests = 0;
let count = 0;
const pages = createHttpServer((request, response) => {
  requests++;
  if (request.url === '/missing') response.statusCode = 404;
  response.end(request.url === '/missing' ? 'not found\n' : `m_total ${(count += 100)}\ndepth 7\n`);
});
/** Accepts and never answers. */
const silent: Server = createServer();
let page = '';
let silentPage = '';

beforeAll(async () => {
  page = await listen(pages);
  silentPage = await listen(silent);
});
afterAll(() => {
  pages.closeAllConnections();
  pages.close();
  silent.close();
  rmSync(folder, { recursive: true, force: true });
});

function listen(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    );
  });
}

function read(
  command: string,
  changes: Partial<Check> = {},
  surroundings: Partial<Surroundings> = {},
): Promise<Reading> {
  return runCheck(testCheck('some-check', command, changes), testSurroundings(surroundings));
}

function answering(result: QueryResult): MetricsSource {
  return { name: 'test', query: () => Promise.resolve(result) };
}

describe('a reading', () => {
  it('is normal where normal holds', async () => {
    expect(await read('echo 5', { normal: condition('value < 10') })).toMatchObject({
      judgement: 'normal',
      value: 5,
      shown: '5',
      why: 'Some check is 5; normal is value < 10.',
      error: null,
      exit: 0,
      informational: false,
    });
  });

  it('is abnormal where normal does not hold and no abnormal is stated', async () => {
    const reading = await read('echo 50', { normal: condition('value < 10', true) });
    expect(reading).toMatchObject({
      judgement: 'abnormal',
      why: 'Some check is 50; normal is value < 10 (inferred).',
    });
  });

  it.each([
    [5, 'normal'],
    [50, 'unknown'],
    [500, 'abnormal'],
  ])('of %i between normal < 10 and abnormal > 100 is %s', async (value, judgement) => {
    const reading = await read(`echo ${value}`, {
      normal: condition('value < 10'),
      abnormal: condition('value > 100'),
    });
    expect(reading.judgement).toBe(judgement);
  });

  it('is unknown where normal and abnormal both hold', async () => {
    const reading = await read('echo 5', {
      normal: condition('value < 10'),
      abnormal: condition('value > 1'),
    });
    expect(reading).toMatchObject({
      judgement: 'unknown',
      why: expect.stringContaining('overlap') as string,
    });
  });

  it.each([
    ['echo 5', 'normal'],
    ['echo 500', 'abnormal'],
  ])('with only abnormal stated: %s is %s', async (command, judgement) => {
    expect((await read(command, { abnormal: condition('value > 100') })).judgement).toBe(judgement);
  });

  it('is unknown where the output does not have what the condition needs', async () => {
    const reading = await read('echo hello', { normal: condition('value < 10') });
    expect(reading).toMatchObject({
      judgement: 'unknown',
      why: 'There is no value: the output is not a single number; normal is value < 10.',
    });
  });

  it('is a question to the operator where only a person can tell, unless something measured is abnormal', async () => {
    const question = 'Is the CPU below 60%?';
    expect(await read('echo 5', { question })).toMatchObject({
      judgement: 'unknown',
      informational: false,
      question,
    });
    const normal = condition('value < 10');
    expect((await read('echo 5', { question, normal })).judgement).toBe('unknown');
    expect((await read('echo 50', { question, normal })).judgement).toBe('abnormal');
  });

  it('without a condition informs', async () => {
    expect(await read('echo 5')).toMatchObject({
      judgement: 'unknown',
      informational: true,
      shown: '5',
      value: 5,
    });
    expect(await read('printf "a\\nb\\n"')).toMatchObject({ informational: true, shown: '2 lines' });
  });

  it('takes grep that finds nothing for no match', async () => {
    const reading = await read(`curl -s ${page}/metrics | grep nothing_like_it`, {
      normal: condition('lines == 0'),
    });
    expect(reading).toMatchObject({ judgement: 'normal', exit: 1, shown: '0 lines' });
  });

  it('has the rate of a counter between two runs of its command', async () => {
    const before = requests;
    const reading = await read(`curl -s ${page}/metrics | grep m_total`, { normal: condition('rate < 100') });
    expect(requests - before).toBe(2);
    // One more hundred with each request, some 0.2 s apart.
    expect(reading.judgement).toBe('abnormal');
    expect(reading.value).toBeGreaterThan(100);
    expect(reading.value).toBeLessThanOrEqual(500);
    expect(reading.shown).toMatch(/^rate \d+\/s$/);
  });

  it('runs the command once where the condition needs no second sample', async () => {
    const before = requests;
    expect(
      (await read(`curl -s ${page}/metrics | grep depth`, { normal: condition('value < 10') })).judgement,
    ).toBe('normal');
    expect(requests - before).toBe(1);
  });

  it('is made of one run for checks with the same command', async () => {
    const file = join(folder, 'runs');
    const surroundings = testSurroundings();
    const observer = createObserver(surroundings);
    const command = `echo run >> ${file}; echo 5`;
    const checks = ['value < 10', 'value < 1', 'lines == 1'].map((cel, index) =>
      testCheck(`check-${index}`, command, { normal: condition(cel) }),
    );
    const readings = await Promise.all(
      checks.map((check) => runCheck(check, surroundings, undefined, observer)),
    );
    expect(readings.map(({ judgement }) => judgement)).toEqual(['normal', 'abnormal', 'normal']);
    expect(readFileSync(file, 'utf8')).toBe('run\n');
  });

  it('keeps output without escapes and secrets, also a secret with an escape in its middle', async () => {
    const reading = await read(
      `printf '\\033[31mred\\033[0m s3cr\\033[1met-value password=hunter2'`,
      {},
      { secrets: ['s3cret-value'] },
    );
    expect(reading.output).toBe('red [redacted] password=[redacted]');
    expect(reading.shown).not.toContain('hunter2');
  });

  it('keeps a bounded part of a long output', async () => {
    const reading = await read('seq 1000000', { normal: condition('lines == 1000000') });
    expect(reading.output.length).toBeLessThan(70_000);
    expect(reading.output).toMatch(/^1\n2\n[^]*characters left out[^]*1000000\n$/);
    expect(reading.judgement).toBe('unknown');
  });
});

describe('a broken check', () => {
  const normal = condition('lines == 0');

  it.each([
    [
      'a missing command',
      'no-such-program | grep x',
      'E_COMMAND_MISSING',
      /`no-such-program` does not exist here/,
    ],
    [
      'a command that cannot be executed',
      '/etc/passwd | grep x',
      'E_COMMAND_MISSING',
      /cannot be executed: .*Permission denied/,
    ],
    [
      'an endpoint that refuses',
      'curl -s http://127.0.0.1:1/metrics | grep x',
      'E_UNREACHABLE',
      /refused or failed \(exit 7\)/,
    ],
    [
      'a host that does not exist',
      'curl -s http://no-such-host.invalid/ | grep x',
      'E_UNREACHABLE',
      /could not be resolved/,
    ],
    [
      'a failing first part',
      'cat /no/such/file | grep x',
      'E_COMMAND_FAILED',
      /part of the pipeline failed with exit 1: .*No such file/,
    ],
    ['a count over a failing first part', 'cat /no/such/file | wc -l', 'E_COMMAND_FAILED', /No such file/],
    [
      'a command that only complains',
      'ls /no/such/file',
      'E_COMMAND_FAILED',
      /failed with exit 2: .*No such file/,
    ],
    ['a bad pattern', 'echo x | grep "["', 'E_COMMAND_FAILED', /failed with exit 2/],
    ['a syntax error', 'if true', 'E_COMMAND_FAILED', /syntax error/],
    ['a command that is killed', 'kill -9 $$', 'E_COMMAND_FAILED', /ended by SIGKILL/],
  ])('is one with %s', async (_what, command, code, message) => {
    const reading = await read(command, { normal });
    expect(reading).toMatchObject({ judgement: 'error', value: null, error: { code } });
    expect(reading.error?.message).toMatch(message);
  });

  it('is one whose endpoint accepts and never answers', async () => {
    const reading = await read(`curl -s --max-time 0.3 ${silentPage}/ | grep x`, { normal });
    expect(reading.error).toMatchObject({
      code: 'E_UNREACHABLE',
      message: expect.stringContaining('exit 28') as string,
    });
  });

  it('is one whose endpoint answers with an HTTP error that curl was asked to see', async () => {
    const reading = await read(`curl -sf ${page}/missing | grep x`, { normal });
    expect(reading.error?.code).toBe('E_COMMAND_FAILED');
  });

  it('is one that hangs', async () => {
    const reading = await read('sleep 60', { normal, timeout: 0.3 });
    expect(reading.error).toEqual({ code: 'E_TIMEOUT', message: 'it did not end within 300 ms' });
  });

  it('is one whose condition is not valid, takes too long, or gives no truth', async () => {
    const codes = await Promise.all(
      ['vlaue < 3', 'stdout.matches("(a+)+$")', 'json'].map(
        async (cel) => (await read(`echo '"${'a'.repeat(50)}b"'`, { normal: condition(cel) })).error?.code,
      ),
    );
    expect(codes).toEqual(['E_CONDITION', 'E_CONDITION', 'E_CONDITION']);
  });

  it('is not one whose condition speaks of the exit code: there a failure is the finding', async () => {
    const exit = condition('exit == 0');
    expect((await read('curl -s http://127.0.0.1:1/', { normal: exit })).judgement).toBe('abnormal');
    expect((await read('ls /no/such/file', { normal: exit })).judgement).toBe('abnormal');
    expect((await read('no-such-program', { normal: exit })).judgement).toBe('error');
  });
});

describe('a check in PromQL', () => {
  const promql = { language: 'promql', normal: condition('value < 10') } as const;

  it('is judged by its value', async () => {
    const metrics = answering({ type: 'vector', samples: [{ labels: { job: 'x' }, value: 50 }] });
    expect(await read('sum(m)', promql, { metrics })).toMatchObject({
      judgement: 'abnormal',
      value: 50,
      exit: null,
      output: '{job="x"} 50\n',
    });
  });

  it('that finds no data is unknown, and says so', async () => {
    const metrics = answering({ type: 'vector', samples: [] });
    expect(await read('sum(m)', promql, { metrics })).toMatchObject({
      judgement: 'unknown',
      why: 'There is no value: the query found no data; normal is value < 10.',
      output: 'no data\n',
    });
    const none = { ...promql, normal: condition('size(values) == 0') };
    expect((await read('m', none, { metrics })).judgement).toBe('normal');
  });

  it('says what to do where there is nothing to answer it', async () => {
    const reading = await read('sum(m)', promql);
    expect(reading.error).toMatchObject({
      code: 'E_UNREACHABLE',
      message: expect.stringContaining('--scrape URL') as string,
    });
  });

  it('that fails is broken, with the code of the failure', async () => {
    const metrics: MetricsSource = {
      name: 'test',
      query: () =>
        Promise.reject(new AllclearError('E_PROMQL_SYNTAX', { what: 'unexpected )', next: 'Close it.' })),
    };
    const reading = await read('sum(m', promql, { metrics });
    expect(reading.error).toEqual({ code: 'E_PROMQL_SYNTAX', message: 'unexpected ). Close it' });
  });

  it('whose source hangs is broken after its time-out', async () => {
    const metrics: MetricsSource = {
      name: 'http://slow',
      query: (_expression, options) =>
        new Promise((_resolve, reject) => {
          options?.signal?.addEventListener('abort', () => reject(new Error('aborted')));
        }),
    };
    const reading = await read('sum(m)', { ...promql, timeout: 0.1 }, { metrics });
    expect(reading.error).toEqual({ code: 'E_TIMEOUT', message: 'http://slow did not answer in time' });
  });
});

describe('stopping', () => {
  it('ends a check under way with a coded error', async () => {
    const check = testCheck('slow', 'sleep 60');
    await expect(runCheck(check, testSurroundings(), AbortSignal.timeout(100))).rejects.toMatchObject({
      code: 'E_CANCELLED',
    });
  });

  it('ends the wait for a second sample', async () => {
    const check = testCheck('slow', `curl -s ${page}/ | grep m_total`, { normal: condition('rate < 1') });
    const surroundings = testSurroundings({ sampleSeconds: 60 });
    await expect(runCheck(check, surroundings, AbortSignal.timeout(500))).rejects.toMatchObject({
      code: 'E_CANCELLED',
    });
  });
});
