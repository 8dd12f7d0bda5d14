/** Puts the front of an authorization server together: its policy, its plane, its listener. */
import type { RequestListener } from 'node:http';
import { AllclearError, type Clock } from '../kernel/index.ts';
import type { Log } from './log.ts';
import type { AuthContext, RefreshAnswer } from './plane/auth-context.ts';
import { authListener } from './plane/auth-listener.ts';
import type { BodyBudget } from './plane/body.ts';
import { Fleet } from './plane/fleet.ts';
import { AdmissionQueue, type Gate } from './policy/admission.ts';
import { KeyedHash } from './policy/keyed-hash.ts';
import type { LeverBoard } from './policy/levers.ts';
import { RefreshDesk } from './policy/refresh-desk.ts';
import { RefreshThrottle } from './policy/refresh-throttle.ts';
import { SessionTable } from './policy/sessions.ts';
import type { ExpiryCalendar } from './policy/token-expiry.ts';
import { parseUpstreams } from './policy/upstream-urls.ts';
import { type Upstream, UpstreamSet } from './policy/upstreams.ts';
import type { TokenMetrics } from './token-metrics.ts';

/** How long a refresh waits for its turn: a third of the 60 s that official SDK clients give a request. */
export const REFRESH_QUEUE_SECONDS = 20;
const MAX_WAITING = 10_000;
/** An authorization server keeps no MCP sessions. */
const NO_SESSIONS = { maxEntries: 1, idleSeconds: 1, activeSeconds: 1, maxLost: 1, lostSeconds: 1 };

export interface AuthFrontOptions {
  /** Address of the authorization server. */
  readonly url: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly levers: LeverBoard;
  readonly budget: BodyBudget;
  readonly tokens: ExpiryCalendar;
  readonly log: Log;
  /** Authorities to trust at it, PEM; those of the system when undefined. */
  readonly ca?: readonly string[] | undefined;
}

/** The front of one authorization server. */
export class AuthFront {
  readonly #desk: RefreshDesk<RefreshAnswer>;
  readonly #options: AuthFrontOptions;
  readonly #url: string;
  readonly #upstreams: UpstreamSet;
  readonly #fleet: Fleet;
  readonly #queue: AdmissionQueue;
  readonly #throttle: RefreshThrottle;

  /** @throws AllclearError `E_BAD_VALUE` for a bad address */
  constructor(options: AuthFrontOptions) {
    this.#options = options;
    this.#url = parseAuthUpstream(options.url);
    const { clock, levers, log } = options;
    this.#upstreams = new UpstreamSet(clock);
    const limits = () => ({
      ratePerSecond: levers.values.maxTokenRefreshPerSecond,
      queueSeconds: REFRESH_QUEUE_SECONDS,
      maxWaiting: MAX_WAITING,
    });
    const gate = (): Gate => (this.up ? this.#throttle.gate(REFRESH_QUEUE_SECONDS) : 'hold');
    this.#queue = new AdmissionQueue(clock, limits, gate);
    const poke = () => this.#queue.poke();
    this.#throttle = new RefreshThrottle(clock, poke);
    this.#fleet = new Fleet({
      clock,
      upstreams: this.#upstreams,
      sessions: new SessionTable(clock, NO_SESSIONS),
      changed: poke,
      log,
      ca: options.ca,
    });
    this.#desk = new RefreshDesk(clock, () => ({
      coalesce: levers.values.tokenRefreshCoalesce,
      graceSeconds: levers.values.tokenRefreshGraceSeconds,
    }));
  }

  /** Whether the authorization server accepts connections. */
  get up(): boolean {
    return this.#upstreams.available;
  }

  get upstreams(): readonly Upstream[] {
    return this.#upstreams.all;
  }

  get pendingRefreshes(): number {
    return this.#desk.riders;
  }

  get keptAnswers(): number {
    return this.#desk.kept;
  }

  /**
   * Looks for the server once, and makes the listener.
   * @param loopback the listener will be bound to a loopback address
   */
  async open(loopback: boolean, metrics: TokenMetrics): Promise<RequestListener> {
    await this.#fleet.set([this.#url]);
    const context: AuthContext = {
      ...this.#options,
      hash: new KeyedHash(),
      upstream: this.#upstreams.all[0]!,
      fleet: this.#fleet,
      desk: this.#desk,
      queue: this.#queue,
      throttle: this.#throttle,
      metrics,
    };
    return authListener(context, loopback);
  }

  /** A lever has changed. */
  update(): void {
    this.#desk.update();
    this.#queue.update();
  }

  /** Refuses whoever waits, and whoever comes later. */
  stop(): void {
    this.#queue.close();
  }

  close(): void {
    this.stop();
    this.#throttle.close();
    this.#desk.close();
    this.#fleet.close();
  }
}

/** The URL of an authorization server: only an origin, since paths pass unchanged. @throws AllclearError `E_BAD_VALUE` */
function parseAuthUpstream(text: string): string {
  const urls = parseUpstreams(text);
  if (urls.length === 1 && new URL(urls[0]!).pathname === '/') return urls[0]!;
  throw new AllclearError('E_BAD_VALUE', {
    what: `--auth-upstream cannot be "${text.slice(0, 200)}"`,
    next: 'It takes one address without a path, for example http://127.0.0.1:3002: paths pass unchanged, so a server below a path keeps its own.',
  });
}
