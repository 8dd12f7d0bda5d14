/** A command and everything it started, as one thing that can be stopped. */
import type { ChildProcess } from 'node:child_process';
import type { Clock } from '../kernel/index.ts';

/**
 * Sends the signal to every process of the group that `leader` leads.
 * @returns false when nothing of the group is left (or nothing that we may signal)
 */
function signalGroup(leader: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-leader, signal);
    return true;
  } catch {
    return false;
  }
}

/** How a command came to its end. */
export interface GroupEnd {
  readonly exit: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  readonly cancelled: boolean;
}

export interface GroupLimits {
  readonly clock: Clock;
  readonly timeoutSeconds: number;
  /** Between SIGTERM and SIGKILL. */
  readonly graceSeconds: number;
  readonly signal?: AbortSignal;
}

/** After a normal end, how long processes left in the background may still write. Milliseconds. */
const DRAIN_MS = 500;
/** After SIGKILL, how long to wait for a process that the kernel does not let go. Milliseconds. */
const KILL_WAIT_MS = 2000;

/**
 * Waits for the leader to end and its output to be read; stops the whole group at the time-out or on
 * cancel. Nothing of the group outlives this. Never waits longer than time-out, grace and drain.
 * @param drained resolves when both output streams are closed
 */
export async function superviseGroup(
  child: ChildProcess,
  drained: Promise<unknown>,
  limits: GroupLimits,
): Promise<GroupEnd> {
  const { clock, signal } = limits;
  const leader = child.pid!;
  const ended = new Promise<{ exit: number | null; signal: string | null }>((resolve) => {
    child.once('exit', (exit, endSignal) => resolve({ exit, signal: endSignal }));
  });
  let stopped: 'timed out' | 'cancelled' | null = null;
  const stop = Promise.withResolvers<void>();
  const onStop = (why: 'timed out' | 'cancelled') => {
    stopped ??= why;
    stop.resolve();
  };
  const stopTimer = clock.after(limits.timeoutSeconds * 1000, () => onStop('timed out'));
  const onAbort = () => onStop('cancelled');
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  try {
    const ending = ended.then(() => within(clock, DRAIN_MS, drained));
    await Promise.race([ending, stop.promise]);
    if (stopped !== null) {
      signalGroup(leader, 'SIGTERM');
      await within(clock, limits.graceSeconds * 1000, Promise.all([ended, drained]));
    }
    signalGroup(leader, 'SIGKILL');
    const last = await within(clock, KILL_WAIT_MS, ended);
    return {
      ...(last ?? { exit: null, signal: 'SIGKILL' }),
      timedOut: stopped === 'timed out',
      cancelled: stopped === 'cancelled',
    };
  } finally {
    stopTimer();
    signal?.removeEventListener('abort', onAbort);
  }
}

/** What the promise gives, or undefined once `ms` have passed. */
async function within<T>(clock: Clock, ms: number, promise: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  // One more turn of the event loop: what came in while this process was busy is read before giving up.
  const cancel = clock.after(ms, () => setImmediate(() => late.resolve(undefined)));
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    cancel();
  }
}
