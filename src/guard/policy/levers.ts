/**
 * The levers and who holds them. A live change has an actor, a reason and an end; then the lever goes
 * back to its **base**, the value it had at start. A change on top of a change keeps that base.
 */
import { AllclearError, type Clock } from '../../kernel/index.ts';
import {
  type LeverName,
  type LeverValues,
  leverDefinitions,
  leverName,
  leverNames,
  type ToolLimits,
} from './lever-values.ts';

/** One lever as the API lists it. The engine declares the same shape as its port. */
export interface LeverState {
  readonly name: string;
  /** The value in force; '' is off. */
  readonly value: string;
  /** The value it goes back to. */
  readonly base: string;
  /** Set while a live change holds; times are epoch ms. */
  readonly held: {
    readonly actor: string;
    readonly reason: string;
    readonly incident: string | null;
    readonly setAt: number;
    readonly until: number;
  } | null;
}

export interface LeverChange {
  readonly value: string;
  /** Seconds until it returns to its base; default 900, at most 86,400. */
  readonly ttlSeconds?: number;
  readonly reason: string;
  readonly actor: string;
  readonly incident?: string | null;
}

/** What happened to a lever, for the log. Times are epoch ms. */
export interface LeverEvent {
  readonly event: 'lever-set' | 'lever-reset' | 'lever-expired' | 'lever-released';
  readonly at: number;
  readonly name: LeverName;
  readonly from: string;
  readonly to: string;
  readonly actor: string;
  readonly reason: string;
  readonly incident: string | null;
  readonly until: number | null;
}

export const DEFAULT_TTL_SECONDS = 900;
export const MAX_TTL_SECONDS = 86_400;
const MAX_TEXT = 500;

interface Slot {
  value: string;
  base: string;
  held: LeverState['held'];
  cancelExpiry: () => void;
}

export class LeverBoard {
  readonly #clock: Clock;
  readonly #slots = new Map<LeverName, Slot>();
  readonly #onChange: (event: LeverEvent) => void;
  #values: LeverValues;

  /**
   * @param base values at start by name; missing ones are unset
   * @param onChange called after every change that took effect
   * @throws AllclearError `E_BAD_VALUE` for a bad base value
   */
  constructor(
    clock: Clock,
    base: Readonly<Record<string, string | undefined>>,
    onChange: (event: LeverEvent) => void,
  ) {
    this.#clock = clock;
    this.#onChange = onChange;
    for (const name of leverNames) {
      const { parse, unset } = leverDefinitions[name];
      const value = parse(base[name] ?? unset);
      this.#slots.set(name, { value, base: value, held: null, cancelExpiry: () => {} });
    }
    this.#values = this.#numbers();
  }

  /** The numeric levers in force. Read on the hot path. */
  get values(): LeverValues {
    return this.#values;
  }

  list(): readonly LeverState[] {
    return leverNames.map((name) => this.get(name));
  }

  get(name: LeverName): LeverState {
    const { value, base, held } = this.#slots.get(name)!;
    return { name, value, base, held };
  }

  /** @throws AllclearError `E_NOT_FOUND` (no such lever), `E_BAD_VALUE` */
  set(nameText: string, change: LeverChange): LeverState {
    const name = leverName(nameText);
    const value = leverDefinitions[name].parse(change.value);
    const ttlSeconds = change.ttlSeconds ?? DEFAULT_TTL_SECONDS;
    if (!(ttlSeconds > 0 && ttlSeconds <= MAX_TTL_SECONDS)) {
      throw new AllclearError('E_BAD_VALUE', {
        what: `a lever cannot be held for ${ttlSeconds} seconds`,
        next: `The time to live is more than 0 and at most ${MAX_TTL_SECONDS} seconds (24h).`,
      });
    }
    const slot = this.#slots.get(name)!;
    const from = slot.value;
    const setAt = this.#clock.now();
    const held = {
      actor: needed('actor', change.actor),
      reason: needed('reason', change.reason),
      incident: change.incident ? change.incident.slice(0, MAX_TEXT) : null,
      setAt,
      until: setAt + ttlSeconds * 1000,
    };
    slot.cancelExpiry();
    slot.value = value;
    slot.held = held;
    slot.cancelExpiry = this.#clock.after(ttlSeconds * 1000, () => {
      this.#toBase(name, 'lever-expired', held.actor, `time to live ended (${held.reason})`);
    });
    this.#changed({ event: 'lever-set', at: setAt, name, from, to: value, ...pick(held), until: held.until });
    return this.get(name);
  }

  /** Gives the lever back to its base at once. @throws AllclearError `E_NOT_FOUND` */
  reset(nameText: string, actor: string): LeverState {
    const name = leverName(nameText);
    const by = needed('actor', actor);
    if (this.#slots.get(name)!.held) this.#toBase(name, 'lever-reset', by, 'reset');
    return this.get(name);
  }

  /** Gives back every lever that is held for this incident; returns those. */
  release(incident: string, actor: string): readonly LeverState[] {
    const by = needed('actor', actor);
    const id = needed('incident', incident);
    const held = leverNames.filter((name) => this.#slots.get(name)!.held?.incident === id);
    for (const name of held) this.#toBase(name, 'lever-released', by, `incident ${id} is over`);
    return held.map((name) => this.get(name));
  }

  /** Stops the timers. */
  close(): void {
    for (const slot of this.#slots.values()) slot.cancelExpiry();
  }

  #toBase(name: LeverName, event: LeverEvent['event'], actor: string, reason: string): void {
    const slot = this.#slots.get(name)!;
    const { value: from, held } = slot;
    slot.cancelExpiry();
    slot.value = slot.base;
    slot.held = null;
    const incident = held?.incident ?? null;
    this.#changed({
      event,
      at: this.#clock.now(),
      name,
      from,
      to: slot.base,
      actor,
      reason,
      incident,
      until: null,
    });
  }

  #changed(event: LeverEvent): void {
    this.#values = this.#numbers();
    this.#onChange(event);
  }

  #numbers(): LeverValues {
    const text = (name: LeverName) => this.#slots.get(name)!.value;
    const number = (name: LeverName) => Number(text(name) || 0);
    const initAuto = text('MAX_INIT_PER_SECOND') === 'auto';
    const budget = text('TOOL_RETRY_BUDGET');
    const tool: ToolLimits = {
      timeoutSeconds: number('TOOL_TIMEOUT_SECONDS'),
      maxConcurrency: number('TOOL_MAX_CONCURRENCY'),
      retryBudget: budget === '' ? null : Number(budget),
      breaker: text('TOOL_BREAKER') as ToolLimits['breaker'],
    };
    return {
      maxInitPerSecond: initAuto ? 0 : number('MAX_INIT_PER_SECOND'),
      initAuto,
      initQueueSeconds: number('INIT_QUEUE_SECONDS'),
      maxSessions: number('MAX_SESSIONS'),
      reconnectJitterSeconds: number('RECONNECT_JITTER_SECONDS'),
      tokenRefreshCoalesce: text('TOKEN_REFRESH_COALESCE') === 'on',
      tokenRefreshGraceSeconds: number('TOKEN_REFRESH_GRACE_SECONDS'),
      maxTokenRefreshPerSecond: number('MAX_TOKEN_REFRESH_PER_SECOND'),
      tool: () => tool,
    };
  }
}

function pick(held: NonNullable<LeverState['held']>): Pick<LeverEvent, 'actor' | 'reason' | 'incident'> {
  return { actor: held.actor, reason: held.reason, incident: held.incident };
}

function needed(field: string, value: string): string {
  const text = value.trim();
  if (text !== '' && text.length <= MAX_TEXT) return text;
  throw new AllclearError('E_BAD_VALUE', {
    what: text === '' ? `the ${field} is missing` : `the ${field} is longer than ${MAX_TEXT} characters`,
    next: 'Every live change names its actor and its reason, so that others know who did what, and why.',
  });
}
