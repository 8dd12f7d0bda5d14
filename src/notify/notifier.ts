/**
 * Delivers news at least once. Every server may run one: rows are leased, so that in the normal case each message
 * is sent by one of them. A server that dies between sending and writing that down leaves a message that is sent
 * again, with the same id.
 */
import { AllclearError, type Clock, systemClock } from '../kernel/index.ts';
import {
  appendEvent,
  claimOutbox,
  endOutbox,
  hasDueOutbox,
  type OutboxRecord,
  postponeOutbox,
  pruneOutbox,
  type Store,
} from '../store/index.ts';
import type { Target } from './config.ts';
import { deliver } from './deliver.ts';
import { fanOut } from './fan-out.ts';
import type { Notice } from './notice.ts';
import { type Failure, nextAttempt } from './retry.ts';

/** Messages on their way to one target at once. */
const AT_ONCE = 8;
/** Beyond the longest time-out, for the writing down. */
const LEASE_MARGIN_MS = 30_000;
/** A wake-up that got lost costs this much. */
const POLL_MS = 1_000;
const LEAST_PAUSE_MS = 50;
const PRUNE_EVERY_MS = 60 * 60_000;
const KEPT_MS = 7 * 24 * 60 * 60_000;
const ACTOR = 'allclear';

export interface NotifierOptions {
  readonly store: Store;
  readonly targets: readonly Target[];
  /** Where people reach this server; null: messages hold no links. */
  readonly publicUrl: string | null;
  readonly clock?: Clock;
  /** From 0 to 1, for the jitter. */
  readonly random?: () => number;
  /** Told, without secrets, what went wrong and will be tried again. */
  readonly onTrouble?: (trouble: { readonly target: string; readonly error: string }) => void;
}

export interface Notifier {
  /** Ends when what is on its way has been written down. */
  stop(): Promise<void>;
}

/** Starts telling. News that was written before is told as well. */
export function startNotifier(options: NotifierOptions): Notifier {
  const stopping = new AbortController();
  const loops = [
    loop(options, stopping.signal, '', () => fanOut(options)),
    ...options.targets.map((target) =>
      loop(options, stopping.signal, target.name, () => sendWaiting(options, target, stopping.signal)),
    ),
    prune(options, stopping.signal),
  ];
  return {
    stop: async () => {
      stopping.abort();
      await Promise.all(loops);
    },
  };
}

/** Calls `work` as long as it finds something; then waits for a change of the store. A store that is down is waited for. */
async function loop(
  options: NotifierOptions,
  signal: AbortSignal,
  target: string,
  work: () => Promise<number>,
): Promise<void> {
  const { store, clock = systemClock } = options;
  let wake: (() => void) | null = null;
  const unsubscribe = store.onChange(() => wake?.());
  while (!signal.aborted) {
    const changed = new Promise<void>((resolve) => {
      wake = resolve;
    });
    try {
      // Looking takes no lock: a turn in vain must not be a change that wakes everybody.
      if (await hasDueOutbox(store, target)) await work();
    } catch (error) {
      options.onTrouble?.({ target, error: error instanceof AllclearError ? error.code : 'E_INTERNAL' });
    }
    await Promise.race([changed, pause(clock, POLL_MS, signal)]);
    await pause(clock, LEAST_PAUSE_MS, signal);
  }
  unsubscribe();
}

async function sendWaiting(options: NotifierOptions, target: Target, signal: AbortSignal): Promise<number> {
  const rows = await claimOutbox(options.store, target.name, AT_ONCE, target.timeoutMs + LEASE_MARGIN_MS);
  await Promise.all(rows.map((row) => send(options, target, row, signal)));
  return rows.length;
}

async function send(
  { store, random = Math.random, onTrouble }: NotifierOptions,
  target: Target,
  row: OutboxRecord,
  signal: AbortSignal,
): Promise<void> {
  const failure = await deliver(target, row.payload as Notice, { now: store.now(), signal });
  if (failure === null) {
    await conclude(store, row, { state: 'delivered', error: null });
    return;
  }
  onTrouble?.({ target: target.name, error: failure.error });
  await putBack(store, row, failure, random());
}

async function putBack(store: Store, row: OutboxRecord, failure: Failure, random: number): Promise<void> {
  const wait = nextAttempt(row.attempts, failure, random);
  const { error } = failure;
  if (wait === null) await conclude(store, row, { state: 'given-up', error });
  else await store.write((tx) => postponeOutbox(tx, row, { nextAt: store.now() + wait, error }));
}

type Conclusion =
  | { readonly state: 'delivered'; readonly error: null }
  | { readonly state: 'given-up'; readonly error: string };

/** Ends the row and says so on the time line. Whoever took it again meanwhile will say so. */
async function conclude(store: Store, row: OutboxRecord, conclusion: Conclusion): Promise<void> {
  const { target, about, attempts, incident } = row;
  const event =
    conclusion.state === 'delivered'
      ? { kind: 'notified', data: { target, about, attempts } }
      : { kind: 'not-notified', data: { target, about, error: conclusion.error } };
  await store.write(async (tx) => {
    const at = store.now();
    if (!(await endOutbox(tx, row, { ...conclusion, at }))) return;
    try {
      await appendEvent(tx, incident, { at, actor: ACTOR, ...event });
    } catch (error) {
      // A time line that is full takes no more lines; the message is delivered all the same.
      if (!(error instanceof AllclearError) || error.code !== 'E_LIMIT') throw error;
    }
  });
}

async function prune({ store, clock = systemClock }: NotifierOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await store.write((tx) => pruneOutbox(tx, store.now() - KEPT_MS)).catch(() => undefined);
    await pause(clock, PRUNE_EVERY_MS, signal);
  }
}

/** Ends early, and does not fail, when the signal aborts. */
const pause = (clock: Clock, ms: number, signal: AbortSignal): Promise<void> =>
  clock.sleep(ms, signal).catch(() => undefined);
