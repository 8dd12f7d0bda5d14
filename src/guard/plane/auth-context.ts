/** What the parts in front of the authorization server share. */
import type { Clock } from '../../kernel/index.ts';
import type { AdmissionQueue } from '../policy/admission.ts';
import type { KeyedHash } from '../policy/keyed-hash.ts';
import type { LeverBoard } from '../policy/levers.ts';
import type { RefreshOutcome } from '../policy/refresh-answer.ts';
import type { RefreshDesk } from '../policy/refresh-desk.ts';
import type { RefreshThrottle } from '../policy/refresh-throttle.ts';
import type { ExpiryCalendar } from '../policy/token-expiry.ts';
import type { Upstream } from '../policy/upstreams.ts';
import type { TokenMetrics } from '../token-metrics.ts';
import type { BodyBudget } from './body.ts';
import type { Fleet } from './fleet.ts';

/** What a refresh is answered: by the authorization server, or with "later" by the guard. */
export type RefreshAnswer =
  | {
      readonly kind: 'theirs';
      readonly outcome: RefreshOutcome;
      readonly status: number;
      /** Flat: name, value, name, value. */
      readonly headers: readonly string[];
      readonly body: Buffer;
    }
  | { readonly kind: 'later'; readonly outcome: RefreshOutcome; readonly why: string };

export interface AuthContext {
  readonly clock: Clock;
  readonly random: () => number;
  readonly levers: LeverBoard;
  readonly budget: BodyBudget;
  /** The authorization server. */
  readonly upstream: Upstream;
  readonly fleet: Fleet;
  readonly hash: KeyedHash;
  readonly desk: RefreshDesk<RefreshAnswer>;
  readonly queue: AdmissionQueue;
  readonly throttle: RefreshThrottle;
  readonly tokens: ExpiryCalendar;
  readonly metrics: TokenMetrics;
}
