import { AllclearError, printable } from '../kernel/index.ts';
import { takeCredentials } from './basic-auth.ts';
import { makeLabels } from './labels.ts';
import type { Labels, MetricsSource, QueryResult } from './model.ts';
import { parseFloatText } from './numbers.ts';
import { type LoadedAlert, readAlertRules } from './prometheus-rules.ts';
import { unsupported } from './promql/failure.ts';
import { readBody } from './read-body.ts';

export interface PrometheusOptions {
  /** Such as `http://prometheus:9090`, with a path when it has one; `user:password@` gives basic authentication. */
  readonly url: string;
  /** Bearer token. Default: the variable `ALLCLEAR_PROMETHEUS_TOKEN`; not used when the URL holds a user. */
  readonly token?: string;
  /** For one query. Default 10,000 ms. */
  readonly timeoutMs?: number;
  /** Bytes of one answer. Default 32 MiB. */
  readonly maxBytes?: number;
}

/** Answers PromQL from a real Prometheus, or what speaks its HTTP API (Thanos, Mimir, VictoriaMetrics …). */
export class PrometheusSource implements MetricsSource {
  /** The URL without user and password. */
  readonly name: string;
  readonly #api: string;
  readonly #authorization: string | undefined;
  readonly #timeoutMs: number;
  readonly #maxBytes: number;

  /** Throws `E_BAD_VALUE` when the URL is none. */
  constructor(options: PrometheusOptions) {
    const { bare, authorization } = takeCredentials(readUrl(options.url));
    const token = options.token ?? process.env.ALLCLEAR_PROMETHEUS_TOKEN ?? '';
    this.#authorization = authorization ?? (token === '' ? undefined : `Bearer ${token}`);
    this.name = bare.href.replace(/\/$/, '');
    this.#api = `${bare.origin}${bare.pathname.replace(/\/$/, '')}/api/v1`;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#maxBytes = options.maxBytes ?? 32 * 1024 * 1024;
  }

  /**
   * @param options.at epoch ms; Prometheus's now when absent
   * Throws `E_PROMQL_SYNTAX`, `E_PROMQL_FAILED`, `E_PROMQL_UNSUPPORTED` (native histograms),
   * `E_UNREACHABLE`, `E_UNAUTHORIZED`, `E_BAD_RESPONSE`, `E_TIMEOUT`, `E_CANCELLED`.
   */
  async query(expression: string, options: { at?: number; signal?: AbortSignal } = {}): Promise<QueryResult> {
    const form = new URLSearchParams({ query: expression, timeout: `${this.#timeoutMs}ms` });
    if (options.at !== undefined) form.set('time', String(options.at / 1000));
    const result = readResult(await this.#ask('query', { method: 'POST', body: form }, options.signal));
    if (!result) throw this.#badResponse('the result is not of the documented form');
    return result;
  }

  /** The alerting rules it has loaded. Throws as `query`, but for PromQL's own errors. */
  async alertRules(signal?: AbortSignal): Promise<LoadedAlert[]> {
    const rules = readAlertRules(await this.#ask('rules?type=alert', {}, signal));
    if (!rules) throw this.#badResponse('its rules are not of the documented form');
    return rules;
  }

  /** The data of a successful answer. */
  async #ask(
    path: string,
    request: RequestInit,
    signal?: AbortSignal,
  ): Promise<Readonly<Record<string, unknown>>> {
    const { status, text } = await this.#fetch(path, request, signal);
    if (status === 401 || status === 403) {
      throw new AllclearError('E_UNAUTHORIZED', {
        what: `${this.name} refuses the request (${status})`,
        next: 'Put user:password@ into the URL, or a token into ALLCLEAR_PROMETHEUS_TOKEN.',
      });
    }
    const answer = parseJson(text);
    if (!isRecord(answer))
      throw this.#badResponse(`it answered ${status} with something that is no JSON object`);
    if (answer.status === 'error') throw this.#queryError(answer);
    if (answer.status !== 'success' || !isRecord(answer.data)) {
      throw this.#badResponse(`it answered ${status} without a status and data`);
    }
    return answer.data;
  }

  async #fetch(
    path: string,
    request: RequestInit,
    signal?: AbortSignal,
  ): Promise<{ status: number; text: string }> {
    // Prometheus itself gives up at the time-out; a little more lets its answer arrive.
    const timeout = AbortSignal.timeout(this.#timeoutMs + 500);
    try {
      const response = await fetch(`${this.#api}/${path}`, {
        ...request,
        headers: this.#authorization === undefined ? {} : { authorization: this.#authorization },
        signal: signal ? AbortSignal.any([timeout, signal]) : timeout,
      });
      return { status: response.status, text: await readBody(response, this.#maxBytes, this.name) };
    } catch (error) {
      if (error instanceof AllclearError) throw error;
      if (signal?.aborted)
        throw new AllclearError('E_CANCELLED', { what: 'the query was stopped', cause: error });
      if (timeout.aborted) {
        throw new AllclearError('E_TIMEOUT', {
          what: `${this.name} did not answer within ${this.#timeoutMs} ms`,
          next: 'Check its load, or narrow the query.',
          cause: error,
        });
      }
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      throw new AllclearError('E_UNREACHABLE', {
        what: `${this.name} did not answer: ${cause instanceof Error ? printable(cause.message) : 'no connection'}`,
        next: 'Check the URL, and that Prometheus runs.',
        cause: error,
      });
    }
  }

  #queryError(answer: Readonly<Record<string, unknown>>): AllclearError {
    const kind = typeof answer.errorType === 'string' ? answer.errorType : '';
    const message =
      typeof answer.error === 'string' ? printable(answer.error).slice(0, 1000) : 'no reason given';
    const what = `${this.name}: ${message}`;
    if (kind === 'bad_data') return new AllclearError('E_PROMQL_SYNTAX', { what });
    if (kind === 'timeout') return new AllclearError('E_TIMEOUT', { what, next: 'Narrow the query.' });
    return new AllclearError('E_PROMQL_FAILED', { what });
  }

  #badResponse(why: string): AllclearError {
    return new AllclearError('E_BAD_RESPONSE', {
      what: `${this.name} does not speak Prometheus's HTTP API: ${why}`,
      next: 'Give the base URL of a Prometheus, such as http://127.0.0.1:9090.',
    });
  }
}

function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol)) return url;
  throw new AllclearError('E_BAD_VALUE', {
    what: `${JSON.stringify(printable(text).slice(0, 200))} is no URL of a Prometheus`,
    next: 'Give one such as http://127.0.0.1:9090.',
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads `{resultType, result}`; undefined when it is not of that form. */
function readResult(data: Readonly<Record<string, unknown>>): QueryResult | undefined {
  const { resultType, result } = data;
  if (!Array.isArray(result)) return undefined;
  if (resultType === 'string')
    return typeof result[1] === 'string' ? { type: 'string', value: result[1] } : undefined;
  if (resultType === 'scalar') {
    const point = readPoint(result);
    return point && { type: 'scalar', value: point.value };
  }
  if (resultType === 'vector') {
    const samples = result.map((item: unknown) => {
      const labels = readLabels(item);
      const point = isRecord(item) ? readPoint(item.value) : undefined;
      return labels && point ? { labels, value: point.value } : undefined;
    });
    return samples.every((sample) => sample !== undefined) ? { type: 'vector', samples } : undefined;
  }
  if (resultType !== 'matrix') return undefined;
  const series = result.map((item: unknown) => {
    const labels = readLabels(item);
    const values: unknown = isRecord(item) ? item.values : undefined;
    const points = Array.isArray(values) ? values.map(readPoint) : [];
    return labels && points.every((point) => point !== undefined) ? { labels, points } : undefined;
  });
  return series.every((one) => one !== undefined) ? { type: 'matrix', series } : undefined;
}

function readLabels(item: unknown): Labels | undefined {
  if (!isRecord(item) || !isRecord(item.metric)) return undefined;
  if ('histogram' in item || 'histograms' in item) {
    throw unsupported('a native histogram as a result', 'Allclear works on floats');
  }
  const pairs = Object.entries(item.metric);
  return pairs.every((pair): pair is [string, string] => typeof pair[1] === 'string')
    ? makeLabels(pairs)
    : undefined;
}

/** `[seconds, "value"]` */
function readPoint(point: unknown): { t: number; value: number } | undefined {
  if (!Array.isArray(point) || typeof point[0] !== 'number' || typeof point[1] !== 'string') return undefined;
  const value = parseFloatText(point[1]);
  return value === undefined ? undefined : { t: Math.round(point[0] * 1000), value };
}
