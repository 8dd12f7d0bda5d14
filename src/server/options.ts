import type { Actor, Desk } from '../engine/index.ts';
import type { Log } from '../kernel/index.ts';
import type { App } from './app.ts';
import type { Access } from './gate.ts';
import type { RunbookShelf } from './shelf.ts';
import type { StreamLimits } from './streams/limits.ts';
import type { RequestLogging } from './trace.ts';

/** What the HTTP application works with. */
export interface ServerOptions {
  /** Where incidents are seen and changed. */
  readonly desk: Desk;
  readonly access: Access;
  /** Addresses and networks of proxies whose word on who calls is taken; nobody's by default. */
  readonly trustProxy?: readonly string[];
  readonly shelf: RunbookShelf;
  readonly log: Log;
  /** Which requests have a line in the log. Default `errors`. */
  readonly logRequests?: RequestLogging;
  readonly version: string;
  /** Takes a delivery of Alertmanager; when it resolves, the alerts are durable. Errors: `E_USAGE`, `E_OVERLOADED`, the store's. */
  readonly deliver: (body: unknown, actor: Actor) => Promise<DeliveryAnswer>;
  /** False while it drains or what it needs is missing: then no work is sent here. */
  readonly ready: () => Promise<Readiness>;
  /** How many event streams there may be, and how often they are looked at. */
  readonly streams?: Partial<StreamLimits>;
  /** Further routes, behind the gate. */
  readonly extend?: (app: App) => Promise<void>;
}

export interface DeliveryAnswer {
  readonly alerts: number;
  readonly incidents: readonly string[];
}

export interface Readiness {
  readonly ready: boolean;
  /** Each thing it depends on: `ok`, or what is wrong with it. */
  readonly checks: Readonly<Record<string, string>>;
}
