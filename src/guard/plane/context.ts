/** What the parts of the built-in plane share: the policy they ask, and the means they use. */
import type { Clock } from '../../kernel/index.ts';
import type { GuardMetrics } from '../metrics.ts';
import type { AdmissionQueue } from '../policy/admission.ts';
import type { LeverBoard } from '../policy/levers.ts';
import type { SessionRoom } from '../policy/session-room.ts';
import type { SessionTable } from '../policy/sessions.ts';
import type { Sharing } from '../policy/sharing.ts';
import type { ExpiryCalendar } from '../policy/token-expiry.ts';
import type { Tools } from '../policy/tools.ts';
import type { UpstreamSet } from '../policy/upstreams.ts';
import type { BodyBudget } from './body.ts';
import type { CancellableCalls } from './cancellable.ts';
import type { Fleet } from './fleet.ts';
import type { RequestLog } from './request-log.ts';
import type { StreamSet } from './streams.ts';

/** Counts over the openings (`initialize`, `server/discover`) of one guard. */
export interface InitializeCounts {
  /** Taken in and not yet answered. */
  pending: number;
  /** Initialize requests sent, and without a session yet: each may become one. */
  expected: number;
}

export interface PlaneContext {
  readonly clock: Clock;
  readonly random: () => number;
  readonly levers: LeverBoard;
  readonly sessions: SessionTable;
  readonly sessionRoom: SessionRoom;
  readonly upstreams: UpstreamSet;
  readonly queue: AdmissionQueue;
  readonly metrics: GuardMetrics;
  readonly budget: BodyBudget;
  readonly fleet: Fleet;
  readonly streams: StreamSet;
  readonly initializes: InitializeCounts;
  readonly requestLog: RequestLog;
  /** The guard is about to stop: nobody new is wanted. */
  draining: boolean;
  readonly tools: Tools;
  readonly cancellable: CancellableCalls;
  readonly tokens: ExpiryCalendar;
  /** Whether the authorization server that is fronted accepts connections; true without one. */
  readonly authUp: () => boolean;
  /** Null when nothing is shared (`--no-cache`). */
  readonly sharing: Sharing | null;
}
