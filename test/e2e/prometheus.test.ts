import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  formatSeries,
  PrometheusSource,
  parseExposition,
  type QueryResult,
  SampleWindow,
  Scraper,
  WindowSource,
} from '../../src/metrics/index.ts';
import { almostEqual } from '../../src/metrics/numbers.ts';

/**
 * The same samples in a real Prometheus and in the built-in window must give the same answers.
 * The samples lie off the full seconds and the queries on them, so that the open and the closed left
 * end of ranges (Prometheus 3 and 2) see the same points.
 */

const hasPrometheus =
  spawnSync('prometheus', ['--version']).status === 0 && spawnSync('promtool', ['--version']).status === 0;
const MISSING = 'prometheus and promtool are missing: apt-get update && apt-get install -y prometheus';

const STEP_MS = 15_000;
const STEPS = 121;
/** The first sample, 37 ms past a full minute; the block must lie in the past. */
const START = Math.floor((Date.now() - 3 * 3_600_000) / 60_000) * 60_000 + 37;
const END = START - 37 + (STEPS - 1) * STEP_MS;

/** A counter that is reset now and then, and grows unevenly. */
function counter(step: number, rate: number, reset: number): number {
  let value = 0;
  for (let at = 1; at <= step; at++) value = at % reset === 0 ? rate : value + rate * (1 + (at % 7));
  return value;
}

const SERIES: Record<string, (step: number) => number | null> = {
  'http_requests_total{job="api",instance="0",code="200"}': (step) => counter(step, 3, 50),
  'http_requests_total{job="api",instance="1",code="200"}': (step) => counter(step, 5, 1000),
  'http_requests_total{job="api",instance="0",code="500"}': (step) => counter(step, 0.5, 33),
  'http_requests_total{job="web",instance="0",code="200"}': (step) => counter(step, 11, 77),
  'short_total{job="api"}': (step) => (step < 100 || step > 112 ? null : step),
  'queue_depth{job="api",instance="0"}': (step) => 50 + 40 * Math.sin(step / 5),
  'queue_depth{job="api",instance="1"}': (step) => (step % 10 === 0 ? null : 100 - step / 2),
  'queue_depth{job="web",instance="0"}': () => 7,
  'gone{job="api"}': (step) => (step < 60 ? 1 : null),
  'capacity{job="api"}': () => 100,
  'capacity{job="web"}': () => 50,
  'd_seconds_bucket{job="api",le="0.1"}': (step) => counter(step, 10, 1000),
  'd_seconds_bucket{job="api",le="0.5"}': (step) => counter(step, 15, 1000),
  'd_seconds_bucket{job="api",le="2"}': (step) => counter(step, 18, 1000),
  'd_seconds_bucket{job="api",le="+Inf"}': (step) => counter(step, 20, 1000),
};

const QUERIES = [
  'queue_depth',
  'queue_depth{job!="web"} > 30',
  'gone',
  'queue_depth offset 5m',
  `queue_depth @ ${END / 1000 - 300}`,
  'rate(http_requests_total[5m])',
  'rate(http_requests_total[2m])',
  'rate(short_total[10m])',
  'irate(http_requests_total[1m])',
  'increase(http_requests_total[10m])',
  'increase(http_requests_total[29m])',
  'delta(queue_depth[5m])',
  'idelta(queue_depth[5m])',
  'deriv(queue_depth[5m])',
  'predict_linear(queue_depth[10m], 3600)',
  'changes(queue_depth[10m])',
  'resets(http_requests_total[28m])',
  'avg_over_time(queue_depth[10m])',
  'sum_over_time(queue_depth[3m])',
  'min_over_time(queue_depth[10m]) + max_over_time(queue_depth[10m])',
  'stddev_over_time(queue_depth[10m])',
  'quantile_over_time(0.9, queue_depth[10m])',
  'count_over_time(gone[28m])',
  'last_over_time(short_total[20m])',
  'absent(nothing{job="x"})',
  'absent_over_time(gone[5m])',
  'sum by (job) (rate(http_requests_total[5m]))',
  'avg without (instance) (queue_depth)',
  'stddev(queue_depth)',
  'quantile(0.5, queue_depth)',
  'count_values("depth", capacity)',
  'topk(2, queue_depth)',
  'bottomk by (job) (1, queue_depth)',
  'sum by (job) (queue_depth) / on(job) capacity',
  'queue_depth / on(job) group_left() capacity > 0.1',
  'queue_depth and on(job) gone',
  'capacity unless on(job) gone',
  'queue_depth{instance="0"} or capacity',
  'histogram_quantile(0.9, sum by (le) (rate(d_seconds_bucket[5m])))',
  'histogram_quantile(0.5, d_seconds_bucket)',
  'max_over_time(sum by (job) (rate(http_requests_total[2m]))[10m:1m])',
  'label_replace(capacity, "team", "t-$1", "job", "(.).*")',
  'label_join(capacity, "both", "-", "job", "job")',
  'clamp(queue_depth, 10, 60)',
  'round(queue_depth, 0.25)',
  'scalar(capacity{job="api"}) * 2 ^ 3 ^ 0.5 % 7',
  '-queue_depth ^ 2',
  'sort_desc(queue_depth)',
  'vector(time())',
  'hour() + day_of_week() * 100 + days_in_month() * 1000',
  'timestamp(queue_depth)',
  'sum(rate(http_requests_total{code=~"5.."}[5m])) by (job) / sum(rate(http_requests_total[5m])) by (job) > bool 0.01',
  '"text"',
  'queue_depth[1m]',
];

function fill(window: SampleWindow): string {
  const lines: string[] = [];
  for (const [series, valueAt] of Object.entries(SERIES)) {
    const { labels } = parseExposition(`${series} 0`).samples[0]!;
    for (let step = 0; step < STEPS; step++) {
      const value = valueAt(step);
      if (value === null) continue;
      const t = START + step * STEP_MS;
      window.append(labels, t, value);
      lines.push(`${series} ${value} ${(t / 1000).toFixed(3)}`);
    }
  }
  return `${lines.join('\n')}\n# EOF\n`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address ? address.port : 0;
}

/** What both scrape: escapes, special values, labels that collide, a histogram. */
const EXPOSED = String.raw`# HELP lab_text With \ and "quotes"
# TYPE lab_text gauge
lab_text{path="C:\\dir",quote="\"",line="a\nb",empty=""} 1.5
lab_values{kind="nan"} NaN
lab_values{kind="inf"} +Inf
lab_values{kind="small"} 1.7e-300
lab_collides{job="mine",instance="here",exported_job="older"} 3
lab_bucket{le="0.1"} 1
lab_bucket{le="+Inf"} 2
lab_sum 0.7
lab_count 2
`;

/** Results in one order and form, numbers apart. */
function flatten(result: QueryResult): { key: string; value: number }[] {
  switch (result.type) {
    case 'scalar':
      return [{ key: 'scalar', value: result.value }];
    case 'string':
      return [{ key: `string ${result.value}`, value: 0 }];
    case 'vector':
      return result.samples
        .map(({ labels, value }) => ({ key: formatSeries(labels), value }))
        .toSorted((a, b) => (a.key < b.key ? -1 : 1));
    case 'matrix':
      return result.series
        .flatMap(({ labels, points }) =>
          points.map(({ t, value }) => ({ key: `${formatSeries(labels)} @ ${t}`, value })),
        )
        .toSorted((a, b) => (a.key < b.key ? -1 : 1));
  }
}

it.runIf(!hasPrometheus && process.env.CI !== undefined)('a Prometheus is there', () => expect.fail(MISSING));
it.runIf(!hasPrometheus && process.env.CI === undefined)(`skipped: ${MISSING}`, ({ skip }) => skip(MISSING));

describe.runIf(hasPrometheus)('the built-in evaluator and a real Prometheus', () => {
  const folder = mkdtempSync(join(tmpdir(), 'allclear-prometheus-'));
  const window = new SampleWindow();
  const own = new WindowSource(window);
  let stop: (() => Promise<void>) | undefined;
  let real: PrometheusSource;
  let endpoint: Server;
  const target = () => `127.0.0.1:${(endpoint.address() as AddressInfo).port}`;

  beforeAll(async () => {
    writeFileSync(join(folder, 'samples.txt'), fill(window));
    endpoint = createHttpServer((_request, response) => {
      response.setHeader('content-type', 'text/plain; version=0.0.4');
      response.end(EXPOSED);
    }).listen(0, '127.0.0.1');
    await once(endpoint, 'listening');
    const config = {
      global: { scrape_interval: '1s' },
      scrape_configs: [{ job_name: 'lab', static_configs: [{ targets: [target()] }] }],
    };
    // JSON is YAML.
    writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config));
    const data = join(folder, 'data');
    execFileSync('promtool', [
      'tsdb',
      'create-blocks-from',
      'openmetrics',
      join(folder, 'samples.txt'),
      data,
    ]);
    const port = await freePort();
    const child = spawn(
      'prometheus',
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${data}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=warn',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const exited = once(child, 'exit');
    stop = async () => {
      child.kill('SIGTERM');
      await exited;
    };
    real = new PrometheusSource({ url: `http://127.0.0.1:${port}`, token: '' });
    const deadline = Date.now() + 60_000;
    while (!(await ready(port))) {
      if (child.exitCode !== null || Date.now() > deadline)
        throw new Error(`prometheus did not start: ${said}`);
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
    }
  });

  afterAll(async () => {
    await stop?.();
    endpoint.close();
    endpoint.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(QUERIES)('agree on %s', async (query) => {
    let points = 0;
    for (const at of [END, END - 1_000_000]) {
      const [expected, got] = await Promise.all([real.query(query, { at }), own.query(query, { at })]);
      const theirs = flatten(expected);
      const ours = flatten(got);
      points += theirs.length;
      expect(ours.map(({ key }) => key)).toEqual(theirs.map(({ key }) => key));
      ours.forEach(({ key, value }, index) => {
        const wanted = theirs[index]!.value;
        expect(almostEqual(value, wanted, 1e-9), `${key}: ${value}, Prometheus says ${wanted}`).toBe(true);
      });
    }
    // Two empty answers agree about nothing.
    expect(points).toBeGreaterThan(0);
  });

  it('scrape the same endpoint into the same series', async () => {
    const scraped = new SampleWindow();
    const targets = [{ job: 'lab', url: `http://${target()}/metrics` }];
    const [report] = await new Scraper({ targets, window: scraped }).scrapeOnce();
    expect(report).toMatchObject({ up: true, badLines: 0, samples: 9 });
    const query = '{__name__=~"lab_.*|up|scrape_samples_scraped",job="lab"}';
    const theirs = await vi.waitUntil(
      async () => {
        const flat = flatten(await real.query(query));
        return flat.length >= 11 && flat;
      },
      { timeout: 30_000, interval: 300 },
    );
    const ours = flatten(await new WindowSource(scraped).query(query));
    expect(ours).toEqual(theirs);
  });

  it('refuse the same query as not well formed', async () => {
    await expect(real.query('sum(')).rejects.toMatchObject({ code: 'E_PROMQL_SYNTAX' });
    await expect(own.query('sum(')).rejects.toMatchObject({ code: 'E_PROMQL_SYNTAX' });
  });

  it('fail the same query for the same reason', async () => {
    const query = 'queue_depth / on(job) queue_depth';
    await expect(real.query(query, { at: END })).rejects.toThrow(
      /found duplicate series for the match group/,
    );
    await expect(own.query(query, { at: END })).rejects.toThrow(/found duplicate series for the match group/);
  });
});

async function ready(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/-/ready`)).ok;
  } catch {
    return false;
  }
}
