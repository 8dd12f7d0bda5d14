import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock, TestClock } from '../kernel/index.ts';
import { formatSeries } from './labels.ts';
import { makeMatcher } from './matchers.ts';
import { evaluateInstant } from './promql/evaluate.ts';
import { Scraper } from './scraper.ts';
import { startServer, type TestServer } from './testing.ts';
import { SampleWindow } from './window.ts';

let body = '';
let mode: 'answer' | 'hang' | 'error' | 'stream' = 'answer';
let requests = 0;
let authorization: string | undefined;
let server: TestServer;
let window: SampleWindow;

beforeEach(async () => {
  body = 'x 1\n';
  mode = 'answer';
  requests = 0;
  window = new SampleWindow();
  server = await startServer((request, response) => {
    requests++;
    authorization = request.headers.authorization;
    if (mode === 'hang') return;
    if (mode === 'error') response.statusCode = 500;
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    if (mode === 'stream') response.write('# '.repeat(100_000));
    else response.end(body);
  });
});

afterEach(() => server.close());

function ask(query: string, at: number): string[] {
  const result = evaluateInstant(query, window, at);
  if (result.type !== 'vector') throw new Error('no vector');
  return result.samples.map(({ labels, value }) => `${formatSeries(labels)} ${value}`);
}

function scraper(
  clock: TestClock,
  options: { job?: string; url?: string; maxBytes?: number; timeoutMs?: number } = {},
) {
  const url = options.url ?? server.url;
  return new Scraper({
    targets: [{ job: options.job ?? 'j', url, instance: 'i' }],
    window,
    clock,
    ...options,
  });
}

describe('scraping', () => {
  it('adds job, instance and what it knows of the scrape', async () => {
    const clock = new TestClock();
    const [report] = await scraper(clock).scrapeOnce();
    expect(report).toMatchObject({ job: 'j', instance: 'i', up: true, samples: 1, badLines: 0, error: null });
    expect(ask('{job="j"}', clock.now())).toEqual([
      'x{instance="i", job="j"} 1',
      'up{instance="i", job="j"} 1',
      'scrape_duration_seconds{instance="i", job="j"} 0',
      'scrape_samples_scraped{instance="i", job="j"} 1',
    ]);
  });

  it('moves labels of the same names out of the way', async () => {
    body = 'x{job="theirs",exported_job="older",instance="there"} 1\n';
    const clock = new TestClock();
    await scraper(clock).scrapeOnce();
    expect(ask('x', clock.now())).toEqual([
      'x{exported_exported_job="theirs", exported_instance="there", exported_job="older", instance="i", job="j"} 1',
    ]);
  });

  it('takes host and port as the instance when none is given', async () => {
    const clock = new TestClock();
    const [report] = await new Scraper({
      targets: [{ job: 'j', url: `${server.url}/metrics` }],
      window,
      clock,
    }).scrapeOnce();
    expect(report?.instance).toBe(new URL(server.url).host);
  });

  it('marks a series stale when it vanishes, and every series when the target is down', async () => {
    body = 'x 1\ny 1\n';
    const clock = new TestClock();
    const scrape = scraper(clock);
    await scrape.scrapeOnce();
    body = 'x 2\n';
    await clock.advance(1000);
    await scrape.scrapeOnce();
    expect(ask('{__name__=~"x|y"}', clock.now())).toEqual(['x{instance="i", job="j"} 2']);
    mode = 'error';
    await clock.advance(1000);
    const [report] = await scrape.scrapeOnce();
    expect(report).toMatchObject({ up: false, error: expect.stringMatching(/answered 500$/) as string });
    expect(ask('{__name__=~"x|y|up"}', clock.now())).toEqual(['up{instance="i", job="j"} 0']);
  });

  it('reports a dead endpoint as down, with the reason', async () => {
    const [report] = await scraper(new TestClock(), { url: 'http://127.0.0.1:1/metrics' }).scrapeOnce();
    expect(report).toMatchObject({ up: false, error: expect.stringMatching(/127\.0\.0\.1:1/) as string });
  });

  it('gives up on an endpoint that hangs or never ends', async () => {
    mode = 'hang';
    const [hung] = await scraper(new TestClock(), { timeoutMs: 50 }).scrapeOnce();
    expect(hung).toMatchObject({
      up: false,
      error: expect.stringMatching(/did not answer within 50 ms/) as string,
    });
    mode = 'stream';
    const [endless] = await scraper(new TestClock(), { maxBytes: 100_000 }).scrapeOnce();
    expect(endless).toMatchObject({
      up: false,
      error: expect.stringMatching(/more than 100000 bytes/) as string,
    });
  });

  it('takes nothing from a scrape of too many samples', async () => {
    body = 'x 1\ny 2\nz 3\n';
    const target = { job: 'j', url: server.url, instance: 'i' };
    const clock = new TestClock();
    const [report] = await new Scraper({ targets: [target], window, clock, maxSamples: 2 }).scrapeOnce();
    expect(report).toMatchObject({
      up: false,
      error: expect.stringMatching(/more than 2 samples/) as string,
    });
    expect(ask('{__name__=~"x|y|z"}', clock.now())).toEqual([]);
  });

  it('sends user and password of the URL, and shows them nowhere', async () => {
    const url = server.url.replace('http://', 'http://me:secret@');
    const clock = new TestClock();
    const scrape = new Scraper({ targets: [{ job: 'j', url }], window, clock });
    expect(await scrape.scrapeOnce()).toMatchObject([{ up: true, instance: new URL(server.url).host }]);
    expect(authorization).toBe(`Basic ${Buffer.from('me:secret').toString('base64')}`);
    mode = 'error';
    expect(JSON.stringify(await scrape.scrapeOnce())).not.toContain('secret');
  });

  it('counts bad lines and takes the good ones', async () => {
    body = 'x 1\nwhat is this\ny 2\n';
    const [report] = await scraper(new TestClock()).scrapeOnce();
    expect(report).toMatchObject({ up: true, samples: 2, badLines: 1 });
  });

  it('scrapes every interval, and leaves nothing running when it stops', async () => {
    const reports: number[] = [];
    const scrape = new Scraper({
      targets: [{ job: 'j', url: server.url }],
      window,
      intervalMs: 20,
      clock: systemClock,
    });
    await new Promise<void>((resolve) => {
      scrape.start((all) => {
        reports.push(all.length);
        if (reports.length === 3) resolve();
      });
    });
    await scrape.stop();
    const seen = requests;
    await systemClock.sleep(60);
    expect(reports).toEqual([1, 1, 1]);
    expect(requests).toBe(seen);
  });

  it('does not let a target that hangs hold up the others', async () => {
    const slow = await startServer(() => {});
    const scrape = new Scraper({
      targets: [
        { job: 'slow', url: slow.url },
        { job: 'quick', url: server.url },
      ],
      window,
      intervalMs: 10,
    });
    scrape.start();
    await vi.waitUntil(() => requests >= 5);
    await scrape.stop();
    await slow.close();
    expect(window.select([makeMatcher('job', '=', 'slow')])).toEqual([]);
  });

  it('ends a request under way when it stops', async () => {
    mode = 'hang';
    const scrape = new Scraper({ targets: [{ job: 'j', url: server.url }], window, timeoutMs: 60_000 });
    scrape.start();
    await vi.waitUntil(() => requests > 0);
    await scrape.stop();
    expect(window.stats().series).toBe(0);
  });
});
