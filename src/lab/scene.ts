import type { ScrapeTarget } from '../metrics/index.ts';

/** A lab in steady state with one failure ready to be injected. */
export interface Scene {
  /** What stands in it, for people: `2 MCP servers`. */
  readonly parts: string;
  readonly words: SceneWords;
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
  /** What the struggling part has worked through since the injection, the work for nobody included. */
  work(): Promise<Work>;
}

/** What somebody needs to work on a lab from another terminal. */
export interface LabAccess {
  readonly listen: string;
  readonly admin: string;
  readonly token: string;
  readonly targets: readonly ScrapeTarget[];
  readonly params: Readonly<Record<string, string>>;
}

/** How a failure speaks of its clients. */
export interface SceneWords {
  /** What a client has that works: `a session`. */
  readonly having: string;
  /** What clients try: `handshakes`. */
  readonly attempts: string;
  /** What breaks: `sessions`. */
  readonly losses: string;
  /** What to do when the failure heals by itself: `give more --clients`. */
  readonly tooSmall: string;
}

/** Work, and how much of it was of use to anybody. */
export interface Work {
  /** In the plural: `initialize requests`. */
  readonly what: string;
  readonly done: number;
  readonly useful: number;
  /** What useful work became: `a session`. */
  readonly became: string;
}

export interface ClientCounts {
  /** Clients that work now: they have what `words.having` says. */
  readonly connected: number;
  readonly total: number;
  /** Tried since the start, successfully or not. */
  readonly attempts: number;
  /** What broke since the start. */
  readonly lost: number;
}

/** What every scene is built with. */
export interface SceneOptions {
  readonly clients: number;
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
