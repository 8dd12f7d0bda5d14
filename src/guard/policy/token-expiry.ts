/**
 * When the access tokens in use will expire. Tokens that expire together are refreshed together: a cliff
 * in this calendar is a cascade that has not happened yet.
 */
import type { Clock } from '../../kernel/index.ts';
import { KeyedHash } from './keyed-hash.ts';

/** Seconds from now of the cumulative buckets, +Inf aside. */
export const EXPIRY_BUCKETS = [30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400] as const;

/** The calendar as it stands now. */
export interface ExpiryView {
  /** Tokens that expire within so many seconds, by `EXPIRY_BUCKETS`. */
  readonly within: readonly number[];
  /** All tokens whose expiry is known and to come. */
  readonly known: number;
  /** The most tokens that expire within any one minute, and the seconds until that minute begins. */
  readonly peak: { readonly tokens: number; readonly inSeconds: number };
}

const MAX_TOKENS = 100_000;
const MAX_JWT_LENGTH = 16_384;
/** The peak's minute is looked for in steps of this. */
const SLOT_MS = 10_000;
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
    const within = EXPIRY_BUCKETS.map(() => 0);
    const slots = new Map<number, number>();
    let known = 0;
    for (const [name, expiry] of this.#expiries) {
      if (expiry <= now) this.#expiries.delete(name);
      if (expiry <= now || expiry === Number.POSITIVE_INFINITY) continue;
      known += 1;
      const first = EXPIRY_BUCKETS.findIndex((seconds) => expiry - now <= seconds * 1000);
      if (first !== -1) within[first]! += 1;
      const slot = Math.floor((expiry - now) / SLOT_MS);
      slots.set(slot, (slots.get(slot) ?? 0) + 1);
    }
    for (let index = 1; index < within.length; index++) within[index]! += within[index - 1]!;
    return { within, known, peak: busiestMinute(slots) };
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

/** The minute with the most; the earliest of equals. */
function busiestMinute(slots: ReadonlyMap<number, number>): ExpiryView['peak'] {
  let peak = { tokens: 0, inSeconds: 0 };
  for (const slot of slots.keys()) {
    let tokens = 0;
    for (let next = slot; next < slot + SLOTS_PER_MINUTE; next++) tokens += slots.get(next) ?? 0;
    const inSeconds = (slot * SLOT_MS) / 1000;
    if (tokens > peak.tokens || (tokens === peak.tokens && inSeconds < peak.inSeconds))
      peak = { tokens, inSeconds };
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
