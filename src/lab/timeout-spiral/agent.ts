import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import type { Clock } from '../../kernel/index.ts';
import { failureKind } from '../failure-kind.ts';
import { hostFetch } from '../host-fetch.ts';
import type { AgentsTally } from './agents-tally.ts';
import type { AgentsSettings } from './messages.ts';
import { askedToWait } from './refusal.ts';

/** One schema compiler for all agents: real hosts have one each, but only CPU of their machine tells. */
const jsonSchemaValidator = new AjvJsonSchemaValidator();
/** A lookup that takes longer is late. */
const LATE_MS = 1000;

/** What became of one call: answered, failed on the way (the host's business), or told no in words (the model's). */
type Outcome =
  | { readonly kind: 'answered' }
  | { readonly kind: 'failed' }
  | { readonly kind: 'told'; readonly waitSeconds: number | null };

/**
 * An agent with questions: thinks, asks the tool `search`, thinks again. Its host repeats a call that
 * timed out or broke, at once and with the same arguments, up to a bound; without its answer the agent cannot
 * go on, so that it asks another question after a moment. What a tool says in words reaches the model, which takes its time
 * to read it and waits as it is told, or not.
 */
export class Agent {
  readonly #number: number;
  readonly #settings: AgentsSettings;
  readonly #tally: AgentsTally;
  readonly #clock: Clock;
  readonly #client = new Client({ name: 'agent', version: '1.0.0' }, { jsonSchemaValidator });
  readonly #heeds: boolean;
  #asked = 0;

  constructor(number: number, settings: AgentsSettings, tally: AgentsTally, clock: Clock) {
    this.#number = number;
    this.#settings = settings;
    this.#tally = tally;
    this.#clock = clock;
    this.#heeds = number < settings.agents * settings.heedShare;
  }

  /** Connects and asks once; then the agent goes about its work. */
  async start(): Promise<void> {
    const { url, timeoutMs } = this.#settings;
    // The SDK leaves the connection of a call that it has cancelled open; the host's HTTP client drops it after a while.
    const fetch = hostFetch(timeoutMs, timeoutMs * 2);
    await this.#client.connect(new StreamableHTTPClientTransport(new URL(url), { fetch }));
    await this.#client.listTools(undefined, { timeout: timeoutMs });
    await this.#ask();
    void this.#work();
    void this.#lookUpNowAndThen();
  }

  async #work(): Promise<void> {
    // Agents start their day at different moments.
    await this.#clock.sleep(Math.random() * this.#settings.thinkMs);
    for (;;) {
      const answered = await this.#ask();
      await this.#pause(answered ? this.#settings.thinkMs : this.#settings.turnMs);
    }
  }

  /** Asks until there is an answer, or the host gives the question up. */
  async #ask(): Promise<boolean> {
    const { attempts, timeoutMs } = this.#settings;
    const query = `question ${++this.#asked} of agent ${this.#number}`;
    this.#tally.asked();
    const notLate = this.#clock.after(timeoutMs, () => this.#tally.stuck(this.#number));
    try {
      for (let left = attempts; left > 0; left--) {
        const outcome = await this.#call(query);
        if (outcome.kind === 'answered') {
          this.#tally.answered(this.#number);
          return true;
        }
        if (left > 1) await this.#beforeTryingAgain(outcome);
      }
      this.#tally.gaveUp(this.#number);
      return false;
    } finally {
      notLate();
    }
  }

  async #call(query: string): Promise<Outcome> {
    this.#tally.called();
    try {
      const { isError, text } = await this.#callTool('search', { query });
      if (!isError) return { kind: 'answered' };
      const waitSeconds = askedToWait(text);
      this.#tally.failed(waitSeconds === null ? 'errors' : 'refused', text);
      return { kind: 'told', waitSeconds };
    } catch (error) {
      this.#tally.failed(failureKind(error) === 'timeouts' ? 'timeouts' : 'errors', String(error));
      return { kind: 'failed' };
    }
  }

  async #beforeTryingAgain(outcome: Outcome): Promise<void> {
    if (outcome.kind !== 'told') {
      await this.#clock.sleep(this.#settings.retryMs);
      return;
    }
    await this.#pause(this.#settings.turnMs);
    if (this.#heeds) await this.#clock.sleep((outcome.waitSeconds ?? 0) * 1000);
  }

  /** The tool beside it, which needs no search index, at the agent's own rhythm. */
  async #lookUpNowAndThen(): Promise<void> {
    for (;;) {
      await this.#pause(this.#settings.thinkMs);
      const startedAt = this.#clock.monotonic();
      const failed = await this.#callTool('lookup', { word: 'anything' }).then(
        ({ isError }) => isError,
        () => true,
      );
      this.#tally.lookedUp(failed || this.#clock.monotonic() - startedAt > LATE_MS);
    }
  }

  async #callTool(name: string, args: Record<string, string>): Promise<{ isError: boolean; text: string }> {
    const params = { name, arguments: args };
    const timeout = this.#settings.timeoutMs;
    const result = CallToolResultSchema.parse(await this.#client.callTool(params, undefined, { timeout }));
    const [first] = result.content;
    return { isError: result.isError === true, text: first?.type === 'text' ? first.text : '' };
  }

  /** Around `ms`, never twice the same. */
  #pause(ms: number): Promise<void> {
    return this.#clock.sleep(ms * (0.5 + Math.random()));
  }
}
