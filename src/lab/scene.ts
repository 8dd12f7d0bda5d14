import type { ScrapeTarget } from '../metrics/index.ts';
import type { LabAccess } from './drill-model.ts';

/** A lab in steady state with one failure ready to be injected. */
export interface Scene {
  /** The URLs of the MCP servers. */
  readonly servers: readonly string[];
  /** Null without a guard. */
  readonly access: LabAccess | null;
  readonly targets: readonly ScrapeTarget[];
  /** Something the reader should know, such as ports that were taken. */
  readonly notice: string | null;
  clients(): ClientCounts;
  /** Calls `listener` a few times a second; the returned function ends it. */
  onClients(listener: (counts: ClientCounts) => void): () => void;
  /** Connects every client, calmly. */
  connect(signal: AbortSignal): Promise<void>;
  /** Makes the failure happen; says what was done. */
  inject(): Promise<string>;
  /** Initializes that the servers have worked through since they were started, those for nobody included. */
  initializesDone(): Promise<number>;
}

export interface ClientCounts {
  readonly connected: number;
  readonly total: number;
  /** Handshakes tried, and completed, since the start. */
  readonly attempts: number;
  readonly handshakes: number;
  /** Sessions that broke. */
  readonly lost: number;
}

/** What every scene is built with. */
export interface SceneOptions {
  readonly clients: number;
  /** CPU milliseconds that one initialize costs a server. */
  readonly initializeCostMs: number;
  /** Null: no guard, clients connect to the server directly. */
  readonly guard: GuardPlace | null;
}

/** Where the guard listens, and how it is started. */
export interface GuardPlace {
  /** The program and its arguments; `guard …` options are added. */
  readonly command: readonly [string, ...string[]];
  readonly listen: string;
  readonly admin: string;
  readonly token: string;
  readonly notice: string | null;
}
