/**
 * When the access tokens in use will expire. Tokens that expire together are refreshed together: a cliff
 * in this calendar is a cascade that has not happened yet.
 */
import type { Clock } from '../../kernel/index.ts';
import { KeyedHash } from './keyed-hash.ts';

/** Seconds from now of the cumulative buckets, +Inf aside: whole slots of the calendar. */
export const EXPIRY_BUCKETS = [30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400] as const;

/** The calendar as it stands now. */
export interface ExpiryView {
  /** Tokens that expire within so many seconds, by `EXPIRY_BUCKETS`. */
  readonly within: readonly number[];
  /** All tokens whose expiry is known and to come. */
  readonly known: number;
  /** The most tokens that expire within any one minute of the next day, and the seconds until that minute begins. */
  readonly peak: { readonly tokens: number; readonly inSeconds: number };
}

const MAX_TOKENS = 100_000;
const MAX_JWT_LENGTH = 16_384;
/** Tokens are counted in slots of 10 s over one day; what expires later is only known. */
const SLOT_MS = 10_000;
const HORIZON_MS = 86_400_000;
const SLOTS = HORIZON_MS / SLOT_MS;
const SLOTS_PER_MINUTE = 6;

export class ExpiryCalendar {
  readonly #clock: Clock;
  readonly #hash = new KeyedHash();
  /** Epoch ms by the token's keyed hash, oldest entry first; infinity where the token does not say. */
  readonly #expiries = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * A token was seen. Returns null when it is in the calendar; else what enters it, to be called once the
   * server has accepted the token: what anybody can make up must not fill the calendar.
   */
  seen(token: string): (() => void) | null {
    const name = this.#hash.of(token);
    if (this.#expiries.has(name)) return null;
    return () => this.#enter(name, jwtExpiry(token));
  }

  /** The authorization server issued a token for so many seconds. */
  issued(token: string, seconds: number): void {
    this.#enter(this.#hash.of(token), this.#clock.now() + seconds * 1000);
  }

  /** Counts what is to come; forgets what is over. One pass over at most 100,000 numbers. */
  view(): ExpiryView {
    const now = this.#clock.now();
    const slots = new Uint32Array(SLOTS);
    let known = 0;
    for (const [name, expiry] of this.#expiries) {
      const left = expiry - now;
      if (left <= 0) this.#expiries.delete(name);
      if (left <= 0 || left === Number.POSITIVE_INFINITY) continue;
      known += 1;
      // A bucket includes its upper bound, so a slot does too.
      if (left <= HORIZON_MS) slots[Math.ceil(left / SLOT_MS) - 1]! += 1;
    }
    return { within: cumulative(slots), known, peak: busiestMinute(slots) };
  }

  #enter(name: string, expiry: number): void {
    if (expiry <= this.#clock.now()) return;
    this.#expiries.delete(name);
    this.#expiries.set(name, expiry);
    if (this.#expiries.size <= MAX_TOKENS) return;
    const [oldest] = this.#expiries.keys();
    this.#expiries.delete(oldest!);
  }
}

/** The sums up to each bucket's bound. */
function cumulative(slots: Uint32Array): number[] {
  let sum = 0;
  let slot = 0;
  return EXPIRY_BUCKETS.map((seconds) => {
    for (; slot < (seconds * 1000) / SLOT_MS; slot++) sum += slots[slot]!;
    return sum;
  });
}

/** The minute with the most; the earliest of equals. */
function busiestMinute(slots: Uint32Array): ExpiryView['peak'] {
  let peak = { tokens: 0, inSeconds: 0 };
  let inMinute = 0;
  for (let slot = 0; slot < SLOTS; slot++) {
    inMinute += slots[slot]! - (slots[slot - SLOTS_PER_MINUTE] ?? 0);
    if (inMinute <= peak.tokens) continue;
    const first = Math.max(0, slot - SLOTS_PER_MINUTE + 1);
    peak = { tokens: inMinute, inSeconds: (first * SLOT_MS) / 1000 };
  }
  return peak;
}

/**
 * The `exp` of a JWT (RFC 7519, 4.1.4) in epoch ms, unverified; infinity for any other token. For counting
 * only: nobody is let in by it.
 */
export function jwtExpiry(token: string): number {
  const never = Number.POSITIVE_INFINITY;
  if (token.length > MAX_JWT_LENGTH) return never;
  const parts = token.split('.', 4);
  if (parts.length !== 3) return never;
  try {
    const claims: unknown = JSON.parse(Buffer.from(parts[1]!, 'base64url').toString('utf8'));
    const exp = typeof claims === 'object' && claims !== null ? (claims as { exp?: unknown }).exp : null;
    return typeof exp === 'number' && Number.isFinite(exp) && exp > 0 ? exp * 1000 : never;
  } catch {
    return never;
  }
}
