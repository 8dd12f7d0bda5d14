/** The levers of a running guard, over HTTP. Structurally the engine's `Levers`. */
import { AllclearError, type ErrorCode, errorTable } from '../kernel/index.ts';
import type { LeverChange } from './policy/lever-hold.ts';
import type { LeverState } from './policy/levers.ts';

const TIMEOUT_MS = 10_000;

export class GuardLevers {
  readonly #url: string;
  readonly #token: string;

  /**
   * @param url of the guard's admin listener, `http://127.0.0.1:9090`
   * @param token '' can list, and nothing else
   * @throws AllclearError `E_BAD_VALUE` when the URL is none
   */
  constructor(url: string, token: string) {
    const parsed = URL.parse(url);
    if (!parsed || !/^https?:$/.test(parsed.protocol)) {
      throw new AllclearError('E_BAD_VALUE', {
        what: `"${url.slice(0, 200)}" is not the URL of a guard`,
        next: 'Give --guard or ALLCLEAR_GUARD_URL as http://host:port of its admin listener.',
      });
    }
    this.#url = parsed.href.replace(/\/+$/, '');
    this.#token = token;
  }

  /** Errors of all methods: `E_UNREACHABLE`, `E_BAD_RESPONSE`, and what the guard says. */
  async list(): Promise<readonly LeverState[]> {
    return leversOf(await this.#call('GET', '/levers'));
  }

  /** Errors: `E_UNAUTHORIZED`, `E_NOT_FOUND` (no such lever), `E_BAD_VALUE`. */
  async set(name: string, value: string, change: Omit<LeverChange, 'value'>): Promise<LeverState> {
    return (await this.#call('PUT', `/levers/${encodeURIComponent(name)}`, {
      value,
      ...change,
    })) as LeverState;
  }

  /** Back to its base at once. Errors: `E_UNAUTHORIZED`, `E_NOT_FOUND`. */
  async reset(name: string, actor: string): Promise<LeverState> {
    return (await this.#call('DELETE', `/levers/${encodeURIComponent(name)}`, { actor })) as LeverState;
  }

  /** Gives back every lever held for this incident; returns those. Errors: `E_UNAUTHORIZED`. */
  async release(incident: string, actor: string): Promise<readonly LeverState[]> {
    return leversOf(await this.#call('POST', '/levers/release', { incident, actor }));
  }

  async #call(method: string, path: string, body?: object): Promise<unknown> {
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (this.#token !== '') headers['authorization'] = `Bearer ${this.#token}`;
    let response: Response;
    let answer: unknown;
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      response = await fetch(`${this.#url}${path}`, {
        method,
        headers,
        body: body && JSON.stringify(body),
        signal,
        redirect: 'error',
      });
      answer = parse(await response.text());
    } catch (error) {
      throw new AllclearError('E_UNREACHABLE', {
        what: `no guard answers at ${this.#url}`,
        next: 'Start one with `allclear guard`, or name another with --guard or ALLCLEAR_GUARD_URL.',
        cause: error,
      });
    }
    if (response.ok && typeof answer === 'object' && answer !== null) return answer;
    throw this.#errorOf(response.status, answer);
  }

  #errorOf(status: number, answer: unknown): AllclearError {
    const { error } = (typeof answer === 'object' && answer !== null ? answer : {}) as {
      error?: { code?: unknown; message?: unknown; next?: unknown };
    };
    if (typeof error?.code === 'string' && Object.hasOwn(errorTable, error.code)) {
      return new AllclearError(error.code as ErrorCode, {
        what: String(error.message),
        next: typeof error.next === 'string' ? error.next : undefined,
      });
    }
    return new AllclearError('E_BAD_RESPONSE', {
      what: `${this.#url} answered ${status}, and not as a guard does`,
      next: 'Check that this is the admin listener of a guard, and not its traffic listener.',
    });
  }
}

function leversOf(answer: unknown): readonly LeverState[] {
  const { levers } = answer as { levers?: unknown };
  if (Array.isArray(levers)) return levers as LeverState[];
  throw new AllclearError('E_BAD_RESPONSE', {
    what: 'the answer lists no levers',
    next: 'Check that this is the admin listener of a guard.',
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
