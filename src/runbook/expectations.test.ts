import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bindExpectation } from './bind.ts';
import { readExpectation, type SentencePlace } from './expectations.ts';
import type { BlockLanguage } from './model.ts';

/** The condition a sentence gives a command; `ask` when it becomes a question; null when it states nothing. */
function infer(
  sentence: string,
  command: string,
  place: SentencePlace = 'diagnosis',
  language: BlockLanguage = 'bash',
) {
  const expectation = readExpectation(sentence, place);
  if (expectation === null) return null;
  const cel = bindExpectation(expectation, { language, command, shared: false });
  return cel === null ? 'ask' : `${expectation.side}: ${cel}`;
}

const GREP = (metric: string) => `curl -s http://mcp-server:9090/metrics | grep ${metric}`;

const promql = (sentence: string, query: string) => infer(sentence, query, 'diagnosis', 'promql');

describe('sentences that give a condition', () => {
  it.each([
    [
      'Check initialization rate (should be < 100/sec normally)',
      GREP('mcp_initialize_total'),
      'normal: rate < 100',
    ],
    [
      'Initialization rate should stay below 6000 per minute',
      GREP('mcp_initialize_total'),
      'normal: rate < 100',
    ],
    ['Initializations (normal: < 100 requests/s)', GREP('mcp_initialize_total'), 'normal: rate < 100'],
    ['Initialize latency should return to < 200ms', GREP('mcp_initialize_duration'), 'normal: p95 < 0.2'],
    ['initialize latency (normal: < 200ms)', GREP('mcp_initialize_duration_seconds'), 'normal: p95 < 0.2'],
    ['p99 latency should be under 1.5 seconds', GREP('mcp_initialize_duration_seconds'), 'normal: p99 < 1.5'],
    ['The median duration must not exceed 50 ms', GREP('x_duration_seconds'), 'normal: p50 <= 0.05'],
    ['Average latency should be at most 2s', GREP('x_duration_seconds'), 'normal: mean <= 2'],
    ['CPU should drop below 60% within 5 minutes', GREP('process_cpu_seconds_total'), 'normal: rate < 0.6'],
    ['Pool use should stay under 80 percent', GREP('db_pool_utilization'), 'normal: value < 0.8'],
    ['Pool use should stay under 80%', GREP('db_pool_used_percent'), 'normal: value < 80'],
    [
      'Ready replicas should be at least 3',
      'kubectl get deploy x -o jsonpath={.status.readyReplicas}',
      'normal: value >= 3',
    ],
    ['Ready replicas should be three or more', 'count-replicas', 'normal: value >= 3'],
    ['The list should be empty', 'kubectl get pods | grep Crash', 'normal: lines == 0'],
    ['should return no results', 'kubectl get pods | grep Crash', 'normal: lines == 0'],
    ['The list should not be empty', 'kubectl get endpoints', 'normal: lines > 0'],
    ['There should be no more than 5 lines', 'dmesg | grep oom', 'normal: lines <= 5'],
    ['Should be zero', 'wc -l < errors', 'normal: value == 0'],
    ['Restarts should be 0', 'count-restarts', 'normal: value == 0'],
    ['The health check should succeed', 'curl -fsS http://localhost/healthz', 'normal: exit == 0'],
    ['Heap should stay below 2 GiB', GREP('process_heap_bytes'), 'normal: value < 2147483648'],
    ['Active sessions (abnormal: more than 10,000)', GREP('mcp_active_sessions'), 'abnormal: value > 10000'],
    ['Sessions (unhealthy above 5k)', GREP('mcp_active_sessions'), 'abnormal: value > 5000'],
    [
      'The share of errors should be < 5% over the last 10 minutes',
      GREP('mcp_error_ratio'),
      'normal: value < 0.05',
    ],
  ])('%s', (sentence, command, condition) => {
    expect(infer(sentence, command)).toBe(condition);
  });

  it('reads queries in the unit they are written in', () => {
    expect(promql('should be < 100/sec', 'rate(mcp_initialize_total[1m])')).toBe('normal: value < 100');
    expect(promql('CPU should be below 60%', 'rate(process_cpu_seconds_total[1m])')).toBe(
      'normal: value < 0.6',
    );
    expect(promql('CPU should be below 60%', '100 * rate(process_cpu_seconds_total[1m])')).toBe(
      'normal: value < 60',
    );
    expect(promql('should be empty', 'up == 0')).toBe('normal: size(values) == 0');
    expect(promql('latency should be < 200ms', 'histogram_quantile(0.9, x_duration_bucket)')).toBe(
      'normal: value < 0.2',
    );
    expect(promql('should be < 100/min', 'increase(mcp_initialize_total[1m])')).toBe('ask');
  });

  it('takes a bare comparison as the goal in Verify, as the trouble in Symptom, and as neither in Diagnosis', () => {
    const command = GREP('process_cpu_seconds_total');
    expect(infer('CPU < 60%', command, 'verify')).toBe('normal: rate < 0.6');
    expect(infer('CPU > 90% on MCP server instances', command, 'symptom')).toBe('abnormal: rate > 0.9');
    expect(infer('CPU > 90%', command, 'diagnosis')).toBeNull();
  });

  it('reads how long to wait and how long it must hold', () => {
    const read = readExpectation(
      'CPU should stay below 60% for at least 2 minutes within 5 minutes',
      'verify',
    );
    expect(read).toMatchObject({
      within: 300,
      holdFor: 120,
      claim: { kind: 'compare', comparator: '<', number: 0.6 },
    });
  });
});

describe('sentences that are left to the operator', () => {
  it.each([
    ['CPU should drop below 60%', GREP('mcp_initialize_duration')],
    ['Initialize latency should be < 200ms', GREP('mcp_initialize_total')],
    ['Memory should be below 80%', 'free -m'],
    ['Initialization rate should be < 100/sec', 'journalctl -u mcp-server'],
    ['Latency should go back to normal', GREP('mcp_initialize_duration')],
    ['All pods should be Running', 'kubectl get pods'],
    ['CPU should be < 60% and memory < 80%', GREP('process_cpu_seconds_total')],
    ['Latency should return to 200ms', GREP('mcp_initialize_duration')],
    ['It should be 3x lower', GREP('mcp_active_sessions')],
    ['The status should be one of the following', 'kubectl get pods'],
    ['p75 latency should be < 1s', GREP('x_duration_seconds')],
    ['The share should be < 5%', 'df -h'],
  ])('%s', (sentence, command) => {
    expect(infer(sentence, command)).toBe('ask');
  });

  it('asks when several expectations share a command and one has no word in common with it', () => {
    const expectation = readExpectation('Backlog of jobs should be < 5', 'verify')!;
    const command = 'redis-cli get depth';
    expect(
      bindExpectation(expectation, { language: 'bash', command: 'redis-cli get x', shared: true }),
    ).toBeNull();
    expect(bindExpectation(expectation, { language: 'bash', command, shared: true })).toBe('value < 5');
  });
});

describe('sentences that state nothing', () => {
  it.each([
    'Check active session count',
    'Check if a recent restart triggered reconnections',
    'Rate over 5 minutes',
    '',
    '# of sessions (see 3)',
  ])('%s', (sentence) => {
    expect(infer(sentence, GREP('mcp_active_sessions'))).toBeNull();
  });
});

describe('any sentence at all', () => {
  it('never throws, and only gives conditions over the bound names', () => {
    const words = fc.constantFrom(
      'should',
      'be',
      '<',
      '>',
      'not',
      'below',
      'CPU',
      '60',
      '%',
      'ms',
      '/s',
      '(',
      ')',
      'normal:',
      'within',
      '5',
      'minutes',
      'at least',
      'or more',
      'empty',
      'and',
      'zero',
    );
    const sentence = fc.oneof(
      fc.string(),
      fc.array(words, { maxLength: 14 }).map((list) => list.join(' ')),
    );
    const places = fc.constantFrom<SentencePlace>('diagnosis', 'verify', 'symptom');
    fc.assert(
      fc.property(
        sentence,
        fc.string(),
        places,
        fc.constantFrom<BlockLanguage>('bash', 'promql'),
        (text, command, place, language) => {
          const result = infer(text, command, place, language);
          if (result === null || result === 'ask') return;
          expect(result).toMatch(
            /^(?:ab)?normal: (?:(?:value|rate|lines|exit|p50|p90|p95|p99|mean) (?:<|<=|>|>=|==) [\d.e+-]+|size\(values\) (?:==|>) 0)$/,
          );
        },
      ),
      { numRuns: 3000 },
    );
  });
});
