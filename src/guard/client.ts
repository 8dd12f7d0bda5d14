/** The levers of a running guard, over HTTP. Structurally the engine's `Levers`. */
import { AllclearError, type ErrorCode, errorTable } from '../kernel/index.ts';
import type { DeskLever } from './levers/desk.ts';
import type { LeverChange } from './policy/lever-hold.ts';

const READ_TIMEOUT_MS = 10_000;
/** A change may wait for commands, those of others included. */
const WRITE_TIMEOUT_MS = 120_000;

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
  async list(): Promise<readonly DeskLever[]> {
    return leversOf(await this.#call('GET', '/levers'));
  }

  /** One of them, of a single tool also when it is neither set nor held. Errors: `E_NOT_FOUND`, `E_BAD_VALUE`. */
  async get(name: string): Promise<DeskLever> {
    return (await this.#call('GET', `/levers/${encoded(name)}`)) as DeskLever;
  }

  /**
   * Errors: `E_UNAUTHORIZED`, `E_NOT_FOUND` (no such lever), `E_BAD_VALUE`, `E_LIMIT`; of levers that commands
   * move `E_LEVER_FAILED`, `E_LEVER_UNKNOWN`; `E_TIMEOUT`.
   */
  async set(name: string, value: string, change: Omit<LeverChange, 'value'>): Promise<DeskLever> {
    return (await this.#call('PUT', `/levers/${encoded(name)}`, {
      value,
      ...change,
    })) as DeskLever;
  }

  /** Back to its base at once. Errors: `E_UNAUTHORIZED`, `E_NOT_FOUND`, `E_LEVER_FAILED`, `E_TIMEOUT`. */
  async reset(name: string, actor: string): Promise<DeskLever> {
    return (await this.#call('DELETE', `/levers/${encoded(name)}`, { actor })) as DeskLever;
  }

  /** Gives back every lever held for this incident; returns those. Errors: `E_UNAUTHORIZED`. */
  async release(incident: string, actor: string): Promise<readonly DeskLever[]> {
    return leversOf(await this.#call('POST', '/levers/release', { incident, actor }));
  }

  async #call(method: string, path: string, body?: object): Promise<unknown> {
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (this.#token !== '') headers['authorization'] = `Bearer ${this.#token}`;
    let response: Response;
    let answer: unknown;
    try {
      const signal = AbortSignal.timeout(method === 'GET' ? READ_TIMEOUT_MS : WRITE_TIMEOUT_MS);
      response = await fetch(`${this.#url}${path}`, {
        method,
        headers,
        body: body && JSON.stringify(body),
        signal,
        redirect: 'error',
      });
      answer = parse(await response.text());
    } catch (error) {
      if (method !== 'GET' && error instanceof Error && error.name === 'TimeoutError')
        throw this.#late(error);
      throw new AllclearError('E_UNREACHABLE', {
        what: `no guard answers at ${this.#url}`,
        next: 'Start one with `allclear guard`, or name another with --guard or ALLCLEAR_GUARD_URL.',
        cause: error,
      });
    }
    if (response.ok && typeof answer === 'object' && answer !== null) return answer;
    throw this.#errorOf(response.status, answer);
  }

  #late(cause: Error): AllclearError {
    return new AllclearError('E_TIMEOUT', {
      what: `the guard at ${this.#url} has not answered within ${WRITE_TIMEOUT_MS / 1000} s: whether the lever was moved is unknown`,
      next: 'Look with `allclear lever`.',
      cause,
    });
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

function encoded(name: string): string {
  // Half a surrogate pair cannot be encoded; the guard refuses what takes its place.
  return encodeURIComponent(name.toWellFormed());
}

function leversOf(answer: unknown): readonly DeskLever[] {
  const { levers } = answer as { levers?: unknown };
  if (Array.isArray(levers)) return levers as DeskLever[];
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
