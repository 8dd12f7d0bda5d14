/** The leases of the jobs that a worker does: renewed together, and what was lost is stopped. */
import { renewWork } from '../../store/index.ts';
import type { Job, WorkerContext } from './context.ts';

export interface HeldJob {
  readonly job: Job;
  /** Aborts when the lease is lost, or the worker stops. */
  readonly stop: AbortController;
  /** By the monotonic clock: until then the lease holds whatever the store says or does not say. */
  until: number;
}

/**
 * Renews the leases of `all` in one transaction, but of those that were taken just now: short steps end before the next
 * time, and their renewal would only stand in the way of what records them. A job whose lease others have ended is
 * stopped.
 */
export async function renewLeases(worker: WorkerContext, all: readonly HeldJob[]): Promise<void> {
  const { store, clock, lease, log } = worker;
  const asked = clock.monotonic();
  // Together with the time until the next call it stays below what others wait for (`createSweep`).
  const held = all.filter(({ until }) => until - asked < lease.ms - lease.renewMs / 4);
  if (held.length === 0) return;
  try {
    const leaseUntil = store.now() + lease.ms;
    const kept = await store.write((tx) => renewWork(tx, holdings(held), leaseUntil));
    for (const one of held) {
      const ours = isOurs(one.job, kept);
      if (ours) one.until = asked + lease.ms;
      else one.stop.abort(new DOMException('its lease was taken from it', 'AbortError'));
    }
  } catch (error) {
    log({ event: 'leases-not-renewed', why: error instanceof Error ? error.message : String(error) });
  }
}

/**
 * Stops jobs whose lease has ended without an answer from the store, which may take long to say that it has none:
 * until then each goes on, and no longer, as others may now take it for dead.
 */
export function stopEnded({ clock }: WorkerContext, held: readonly HeldJob[]): void {
  for (const { until, stop } of held) {
    if (clock.monotonic() < until) continue;
    stop.abort(new DOMException('its lease ended while the store could not be reached', 'AbortError'));
  }
}

function holdings(held: readonly HeldJob[]) {
  return {
    attempts: held.flatMap(({ job }) => (job.kind === 'step' ? [job.attempt] : [])),
    work: held.flatMap(({ job }) =>
      job.kind === 'step' ? [] : [{ incident: job.about.incident.id, fence: job.fence }],
    ),
  };
}

function isOurs(job: Job, kept: { attempts: ReadonlySet<string>; incidents: ReadonlySet<string> }): boolean {
  return job.kind === 'step' ? kept.attempts.has(job.attempt.id) : kept.incidents.has(job.about.incident.id);
}
