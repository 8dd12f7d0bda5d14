/** What a guard is started with, and what one can do with it. */
import type { Clock } from '../kernel/index.ts';
import type { RunCommand } from './levers/driver.ts';
import type { Log } from './log.ts';
import type { RequestLogging } from './plane/request-log.ts';
import type { GuardSettings, Reloaded } from './reload.ts';
import type { Certificate } from './tls.ts';

export interface GuardOptions extends GuardSettings {
  /** Gives the settings that count now, for `reload`. Errors refuse them. */
  readonly reread?: (() => Promise<GuardSettings>) | undefined;
  /** `host:port` for MCP traffic; port 0 takes a free one. Default 127.0.0.1:8080. */
  readonly listen?: string;
  /** `host:port` for metrics and levers. Default 127.0.0.1:9090. */
  readonly admin?: string;
  /** URL of the authorization server to front; without it none is. */
  readonly authUpstream?: string;
  /** `host:port` for the authorization server's traffic. Default 127.0.0.1:8081. */
  readonly authListen?: string;
  /** What writes to levers must carry; without it levers are read-only. */
  readonly token?: string;
  /** PEM certificates of authorities to trust at https upstreams, besides those of the system. */
  readonly upstreamCa?: string | undefined;
  /** How long a stop waits for answers in progress. Default 10. */
  readonly drainSeconds?: number | undefined;
  /** Runs the commands of drivers. Needed when there are drivers. */
  readonly run?: RunCommand;
  /** The file that keeps held levers over a restart. Default: a restart forgets them. */
  readonly state?: string | null;
  /** Gets one object per notice (lever changes, upstreams going up and down). Default: nothing is logged. */
  readonly log?: Log;
  /** False: nothing is cached, and no two requests share an answer. Default true. */
  readonly cache?: boolean;
  /** Which requests are logged, one object each: those that failed, or all. Default none. */
  readonly logRequests?: RequestLogging | undefined;
  readonly clock?: Clock;
  /** Gives [0, 1); for tests. */
  readonly random?: () => number;
}

export interface Guard {
  /** `http://host:port` of the traffic listener. */
  readonly listenUrl: string;
  /** `http://host:port` of the metrics and levers. */
  readonly adminUrl: string;
  /** `http://host:port` of the authorization server's front; null without one. */
  readonly authUrl: string | null;
  /**
   * Takes up settings that have changed, as a whole or not at all; what is held stays held over them.
   * Errors: `E_USAGE` (nothing to read anew), what reading throws, and as `LeverDesk.reconfigure`.
   * @param by who asked, for the log: `SIGHUP`
   */
  reload(by: string): Promise<Reloaded>;
  /** New connections get this certificate from now on. @throws AllclearError `E_BAD_VALUE` */
  renew(certificate: Certificate): void;
  /**
   * Takes no more connections, is not ready any more, refuses who waits, ends streams, lets answers in progress
   * finish for up to `drainSeconds`, then cuts. Metrics can be read until the end.
   */
  stop(): Promise<void>;
}
