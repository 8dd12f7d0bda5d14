import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PrometheusSource } from './prometheus-source.ts';
import { startServer, type TestServer } from './testing.ts';

let status = 200;
let answer: unknown;
let raw: string | null = null;
let seen: { url?: string; authorization?: string; form?: Record<string, string> } = {};
let hang = false;
let server: TestServer;

beforeEach(async () => {
  status = 200;
  raw = null;
  hang = false;
  server = await startServer((request, response, body) => {
    const { authorization } = request.headers;
    seen = { url: request.url, authorization, form: Object.fromEntries(new URLSearchParams(body)) };
    if (hang) return;
    response.statusCode = status;
    response.end(raw ?? JSON.stringify(answer));
  });
});

afterEach(() => server.close());

function success(resultType: string, result: unknown) {
  return { status: 'success', data: { resultType, result } };
}

function query(expression = 'up', options: { at?: number; signal?: AbortSignal } = {}) {
  return new PrometheusSource({ url: server.url, token: '', timeoutMs: 200 }).query(expression, options);
}

describe('asking a Prometheus', () => {
  it('sends the query and the time, and reads all kinds of results', async () => {
    answer = success('vector', [{ metric: { __name__: 'up', job: 'a' }, value: [1.5, '1'] }]);
    expect(await query('up', { at: 1500 })).toEqual({
      type: 'vector',
      samples: [{ labels: { __name__: 'up', job: 'a' }, value: 1 }],
    });
    expect(seen).toMatchObject({ url: '/api/v1/query', form: { query: 'up', time: '1.5' } });
    answer = success('scalar', [1, 'NaN']);
    expect(await query()).toEqual({ type: 'scalar', value: Number.NaN });
    answer = success('string', [1, 'text']);
    expect(await query()).toEqual({ type: 'string', value: 'text' });
    answer = success('matrix', [
      {
        metric: {},
        values: [
          [1, '+Inf'],
          [2.25, '-1'],
        ],
      },
    ]);
    expect(await query()).toEqual({
      type: 'matrix',
      series: [
        {
          labels: {},
          points: [
            { t: 1000, value: Number.POSITIVE_INFINITY },
            { t: 2250, value: -1 },
          ],
        },
      ],
    });
  });

  it('uses the path of the URL, and user and password of it, which it never shows', async () => {
    answer = success('vector', []);
    const url = server.url.replace('http://', 'http://me:se%3Acret@');
    const source = new PrometheusSource({ url: `${url}/prom/`, token: 'unused' });
    await source.query('up');
    expect(seen.url).toBe('/prom/api/v1/query');
    expect(seen.authorization).toBe(`Basic ${Buffer.from('me:se:cret').toString('base64')}`);
    expect(source.name).toBe(`${server.url}/prom`);
  });

  it('sends a bearer token', async () => {
    answer = success('vector', []);
    await new PrometheusSource({ url: server.url, token: 'abc' }).query('up');
    expect(seen.authorization).toBe('Bearer abc');
  });

  it.each([
    ['bad_data', 400, 'E_PROMQL_SYNTAX'],
    ['execution', 422, 'E_PROMQL_FAILED'],
    ['timeout', 503, 'E_TIMEOUT'],
    ['internal', 500, 'E_PROMQL_FAILED'],
  ])('gives the reason of a %s error', async (errorType, code, expected) => {
    status = code;
    answer = { status: 'error', errorType, error: 'it went\u001b[31m wrong' };
    await expect(query()).rejects.toMatchObject({
      code: expected,
      message: expect.stringMatching(/: it went wrong$/) as string,
    });
  });

  it.each([
    ['a page', '<html></html>'],
    ['another API', '{"ok":true}'],
    ['a result of another form', JSON.stringify(success('vector', [{ metric: { a: 1 }, value: [1, '1'] }]))],
    ['a value that is no number', JSON.stringify(success('scalar', [1, 'much']))],
    ['nothing', ''],
  ])('says that %s is no answer of a Prometheus', async (_name, text) => {
    raw = text;
    await expect(query()).rejects.toMatchObject({ code: 'E_BAD_RESPONSE' });
  });

  it('refuses native histograms by name', async () => {
    answer = success('vector', [{ metric: {}, histogram: [1, {}] }]);
    await expect(query()).rejects.toMatchObject({ code: 'E_PROMQL_UNSUPPORTED' });
  });

  it('tells apart no permission, no connection, no answer in time, and cancellation', async () => {
    status = 401;
    answer = {};
    await expect(query()).rejects.toMatchObject({ code: 'E_UNAUTHORIZED' });
    await expect(new PrometheusSource({ url: 'http://127.0.0.1:1' }).query('up')).rejects.toMatchObject({
      code: 'E_UNREACHABLE',
    });
    hang = true;
    await expect(query()).rejects.toMatchObject({ code: 'E_TIMEOUT' });
    const stop = new AbortController();
    const stopped = query('up', { signal: stop.signal });
    stop.abort();
    await expect(stopped).rejects.toMatchObject({ code: 'E_CANCELLED' });
  });

  it('refuses what is no URL', () => {
    for (const url of ['prometheus:9090', 'file:///etc/passwd', '']) {
      expect(() => new PrometheusSource({ url })).toThrow(expect.objectContaining({ code: 'E_BAD_VALUE' }));
    }
  });
});
