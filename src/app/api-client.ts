/** The incident service as a program on another machine sees it: its HTTP API. */
import { z } from 'zod';
import {
  type ActionKind,
  type IncidentSummary,
  type IncidentView,
  incidentSummarySchema,
  incidentViewSchema,
} from '../engine/index.ts';
import { AllclearError, type ErrorCode, errorTable, oneLine, systemCode } from '../kernel/index.ts';
import { readMessages } from './event-stream.ts';

/** One event of a time line, with its words. */
export interface ToldEvent {
  readonly seq: number;
  readonly at: number;
  readonly actor: string;
  readonly kind: string;
  readonly text: string;
  readonly data: unknown;
}

/** What came of an action. */
export interface Done {
  /** What it put on the time line, in words. */
  readonly did: readonly string[];
  /** The incident as it is now. */
  readonly incident: IncidentView;
}

const TIMEOUT_MS = 30_000;
const MAX_PAGE = 200;
/** A stream that says nothing for so long is taken for dead; the server breathes more often. */
const SILENT_MS = 60_000;

const failureBody = z.object({
  error: z.object({ code: z.string(), what: z.string().optional(), next: z.string().optional() }),
});
const toldEvent = z.object({
  seq: z.number(),
  at: z.number(),
  actor: z.string(),
  kind: z.string(),
  text: z.string(),
  data: z.unknown(),
});
const done = z.object({ did: z.array(z.string()), incident: incidentViewSchema });
const listPage = z.object({ incidents: z.array(incidentSummarySchema), next: z.string().nullable() });

export class ApiClient {
  readonly #base: URL;
  readonly #token: string;
  readonly #signal: AbortSignal;

  /**
   * @param server its address, as `allclear serve` prints it
   * @param token '' when there is none
   * @param signal ends what is under way
   * @throws `E_BAD_VALUE` for what is no address
   */
  constructor(server: string, token: string, signal: AbortSignal) {
    const base = URL.parse(server);
    if (!base || !/^https?:$/.test(base.protocol)) {
      throw new AllclearError('E_BAD_VALUE', {
        what: `"${oneLine(server, 100)}" is no address of a server`,
        next: 'Give --server (or ALLCLEAR_SERVER) as `allclear serve` prints it, for example http://127.0.0.1:8600.',
      });
    }
    this.#base = base;
    this.#token = token;
    this.#signal = signal;
  }

  /** Newest first. */
  async list(query: { openOnly: boolean; limit: number }): Promise<IncidentSummary[]> {
    const all: IncidentSummary[] = [];
    let after: string | null = null;
    do {
      const search = new URLSearchParams({ limit: String(Math.min(query.limit - all.length, MAX_PAGE)) });
      if (query.openOnly) search.set('open', 'true');
      if (after !== null) search.set('after', after);
      const page: z.infer<typeof listPage> = this.#read(
        listPage,
        await this.#json(`api/v1/incidents?${search.toString()}`),
      );
      all.push(...page.incidents);
      after = page.next;
    } while (after !== null && all.length < query.limit);
    return all;
  }

  /** @throws `E_NOT_FOUND`, `E_UNAUTHORIZED`, `E_FORBIDDEN`, `E_UNREACHABLE`, as do all below */
  async view(id: string): Promise<IncidentView> {
    return this.#read(incidentViewSchema, await this.#json(pathOf(id)));
  }

  async events(id: string): Promise<ToldEvent[]> {
    const all: ToldEvent[] = [];
    for (;;) {
      const search = new URLSearchParams({ limit: '1000', after: String(all.at(-1)?.seq ?? 0) });
      const answer = await this.#json(`${pathOf(id)}/events?${search.toString()}`);
      const { events } = this.#read(z.object({ events: z.array(toldEvent) }), answer);
      if (events.length === 0) return all;
      all.push(...events);
    }
  }

  async act(id: string, kind: ActionKind, body: object): Promise<Done> {
    const answer = await this.#json(`${pathOf(id)}/actions/${kind}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return this.#read(done, answer);
  }

  /**
   * Events after `after`, then those to come, in one connection; ends when it ends.
   * @throws as above, and when the connection breaks `E_UNREACHABLE`
   */
  async *follow(id: string, after: number): AsyncGenerator<ToldEvent> {
    const quiet = new AbortController();
    const answer = await this.#ask(
      `${pathOf(id)}/events`,
      { headers: { accept: 'text/event-stream', 'last-event-id': String(after) } },
      AbortSignal.any([quiet.signal, this.#signal]),
    );
    let timer: NodeJS.Timeout | undefined;
    const watched = async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        clearTimeout(timer);
        timer = setTimeout(() => quiet.abort(), SILENT_MS);
        yield chunk;
      }
    };
    try {
      for await (const { data } of readMessages(watched(answer.body!))) {
        yield this.#read(toldEvent, JSON.parse(data));
      }
    } catch (cause) {
      throw cause instanceof AllclearError || this.#signal.aborted ? cause : this.#unreachable(cause);
    } finally {
      clearTimeout(timer);
    }
  }

  async #json(path: string, init: RequestInit = {}): Promise<unknown> {
    const answer = await this.#ask(
      path,
      init,
      AbortSignal.any([this.#signal, AbortSignal.timeout(TIMEOUT_MS)]),
    );
    return answer.json().catch((cause: unknown) => {
      throw this.#strange('it did not answer JSON', cause);
    });
  }

  async #ask(path: string, init: RequestInit, signal: AbortSignal): Promise<Response> {
    // A token is never taken along to another address.
    const options: RequestInit = { ...init, signal, redirect: 'manual', headers: this.#headers(init) };
    const answer = await fetch(new URL(path, this.#base), options).catch((cause: unknown) => {
      throw this.#signal.aborted ? cause : this.#unreachable(cause);
    });
    if (answer.ok) return answer;
    throw await this.#failure(answer);
  }

  #headers(init: RequestInit): Record<string, string> {
    const own = init.headers as Record<string, string> | undefined;
    return { ...own, ...(this.#token !== '' && { authorization: `Bearer ${this.#token}` }) };
  }

  async #failure(answer: Response): Promise<AllclearError> {
    if (answer.status >= 300 && answer.status < 400) {
      const to = answer.headers.get('location') ?? '';
      return this.#strange(`it leads elsewhere (${oneLine(to, 200)}): give that address`, null);
    }
    const body = failureBody.safeParse(await answer.json().catch(() => null)).data?.error;
    if (!body || !Object.hasOwn(errorTable, body.code))
      return this.#strange(`it answered ${answer.status}${body ? ` (${oneLine(body.code, 40)})` : ''}`, null);
    const noToken = answer.status === 401 && this.#token === '';
    return new AllclearError(body.code as ErrorCode, {
      what: noToken
        ? `${this.#base.host} wants a token`
        : (body.what ?? errorTable[body.code as ErrorCode].meaning),
      next:
        answer.status === 401
          ? 'Set ALLCLEAR_TOKEN to a token that is valid there (`allclear token create`).'
          : body.next,
    });
  }

  #unreachable(cause: unknown): AllclearError {
    const inner = cause instanceof Error ? cause.cause : undefined;
    const why = systemCode(inner) ?? (cause instanceof Error ? cause.name : String(cause));
    return new AllclearError('E_UNREACHABLE', {
      what: `the server ${this.#base.origin} does not answer (${why})`,
      next: 'Look whether `allclear serve` runs there, and whether --server (or ALLCLEAR_SERVER) is right.',
      cause,
    });
  }

  #strange(what: string, cause: unknown): AllclearError {
    return new AllclearError('E_BAD_RESPONSE', {
      what: `${this.#base.origin}: ${what}`,
      next: 'Look whether --server (or ALLCLEAR_SERVER) names an `allclear serve` of this version.',
      cause,
    });
  }

  #read<T>(schema: z.ZodType<T>, answer: unknown): T {
    const read = schema.safeParse(answer);
    if (read.success) return read.data;
    throw this.#strange('its answer is not of the expected form', read.error);
  }
}

function pathOf(id: string): string {
  return `api/v1/incidents/${encodeURIComponent(id)}`;
}
