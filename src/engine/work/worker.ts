/**
 * The worker: takes work from the store, does it, and writes down what came of it. Any number of them share a store;
 * each may die at any moment, because what it has begun is in the store under a lease.
 *
 * Three loops beside each other: one takes work, one renews leases and says that the worker is there, one looks after
 * what others have left behind.
 */
import { pruneWorkers, removeWorker, seeWorker } from '../../store/index.ts';
import { openJournal } from '../journal.ts';
import { releaseLevers } from '../release-levers.ts';
import { claim } from './claim.ts';
import type { Job, Outcome, WorkerContext } from './context.ts';
import { createGroupCommit } from './group-commit.ts';
import { type HeldJob, renewLeases, stopEnded } from './leases.ts';
import { recordOutcomes } from './record.ts';
import { runJob } from './run-job.ts';
import { isStoreTrouble } from './store-trouble.ts';
import { createSweep } from './sweep.ts';
import { WakeUp } from './wake-up.ts';

/** A slow look for work, should a wake-up have been missed: between half and all of it. */
const POLL_MS = 2_000;
const SWEEP_MS = 1_000;
const LEASE_LOOK_MS = 250;
const SEEN_EVERY_MS = 5_000;
/** A worker that has said nothing for so long is forgotten. */
const FORGET_MS = 60_000;
const MAX_BATCH = 64;
const RETRY_MS = 100;
const MAX_RETRY_MS = 2_000;

export interface WorkerOptions extends WorkerContext {
  /** Seconds that a stop waits for running steps before it ends them. */
  readonly drainSeconds: number;
}

export interface Worker {
  readonly name: string;
  /** What it is doing now. */
  jobs(): readonly Job[];
  /**
   * Takes no more work, gives running steps their time, then ends them (they are recorded as cancelled), and leaves.
   * Resolves when all of it is in the store, or the store has been gone for as long as a lease holds.
   */
  stop(): Promise<void>;
}

/** Starts a worker. Errors: the store's, when it cannot even say that it is there. */
export async function runWorker(options: WorkerOptions): Promise<Worker> {
  const worker = new RunningWorker(options);
  await worker.begin();
  return worker;
}

class RunningWorker implements Worker {
  readonly name: string;
  readonly #options: WorkerOptions;
  readonly #held = new Map<Job, HeldJob>();
  readonly #commit;
  readonly #wakeUp = new WakeUp();
  /** No more work is taken. */
  readonly #leaving = new AbortController();
  /** Nothing more is tried. */
  readonly #gone = new AbortController();
  readonly #startedAt: number;
  #running = 0;
  #seenAt = Number.NEGATIVE_INFINITY;
  #loops: Promise<void>[] = [];
  #unsubscribe = () => {};

  constructor(options: WorkerOptions) {
    this.name = options.name;
    this.#options = options;
    this.#startedAt = options.store.now();
    this.#commit = createGroupCommit<Outcome>({
      commit: (outcomes) => recordOutcomes(options, outcomes),
      max: MAX_BATCH,
      tryAgain: isStoreTrouble,
      pause: (attempt) => options.clock.sleep(backOff(attempt), this.#gone.signal),
      onGivenUp: ({ job }, error) =>
        options.log({
          event: 'outcome-not-recorded',
          incident: job.about.incident.id,
          work: job.kind,
          why: error instanceof Error ? error.message : String(error),
        }),
    });
  }

  jobs(): readonly Job[] {
    return [...this.#held.keys()];
  }

  async begin(): Promise<void> {
    await this.#saySeen();
    this.#unsubscribe = this.#options.store.onChange(() => this.#wakeUp.wake());
    const sweep = createSweep(this.#options);
    const { lease } = this.#options;
    this.#loops = [
      this.#takeWork(),
      this.#every(lease.renewMs, () => this.#keep(), this.#gone.signal),
      this.#every(
        LEASE_LOOK_MS,
        async () => stopEnded(this.#options, [...this.#held.values()]),
        this.#gone.signal,
      ),
      this.#every(SWEEP_MS, sweep, this.#leaving.signal),
    ];
  }

  async stop(): Promise<void> {
    if (this.#leaving.signal.aborted) return;
    const { clock, drainSeconds, lease } = this.#options;
    this.#leaving.abort();
    this.#wakeUp.wake();
    this.#unsubscribe();
    // What changes nothing is done by somebody else.
    this.#end((job) => job.kind !== 'step');
    const allEnded = this.#whenIdle();
    await Promise.race([allEnded, clock.sleep(drainSeconds * 1000, this.#gone.signal)]);
    this.#end(() => true);
    await Promise.race([allEnded, clock.sleep(lease.ms, this.#gone.signal)]);
    await this.#leave();
    this.#gone.abort();
    await Promise.all(this.#loops);
  }

  async #takeWork(): Promise<void> {
    const { clock, concurrency } = this.#options;
    const stopped = this.#leaving.signal;
    for (let failures = 0; !stopped.aborted; ) {
      this.#wakeUp.rest();
      // Those that are being written down do no work any more; but they must not pile up.
      const free = Math.min(concurrency - this.#running, 2 * concurrency - this.#held.size);
      let taken = 0;
      try {
        if (free > 0) taken = await this.#take(free);
        failures = 0;
      } catch (error) {
        failures += 1;
        this.#complain('work-not-taken', error);
        await clock.sleep(backOff(failures), stopped).catch(() => {});
      }
      if (taken === 0) await this.#wakeUp.wait(clock, POLL_MS * (0.5 + Math.random() / 2));
    }
  }

  async #take(limit: number): Promise<number> {
    const { clock, lease } = this.#options;
    const asked = clock.monotonic();
    const jobs = await claim(this.#options, limit);
    for (const job of jobs) void this.#do({ job, stop: new AbortController(), until: asked + lease.ms });
    return jobs.length;
  }

  async #do(held: HeldJob): Promise<void> {
    const { job, stop } = held;
    this.#held.set(job, held);
    this.#running += 1;
    if (this.#leaving.signal.aborted && job.kind !== 'step') stop.abort();
    const outcome = await runJob(this.#options, job, stop.signal);
    this.#running -= 1;
    this.#wakeUp.wake();
    await this.#commit.submit(outcome);
    if (job.kind === 'verify') await this.#giveBackLevers(job.about.incident.id);
    this.#held.delete(job);
    this.#wakeUp.wake();
  }

  /** Levers go back once the incident is resolved; they would by themselves, at the end of their time. */
  async #giveBackLevers(incident: string): Promise<void> {
    const { store, levers, name } = this.#options;
    if (!levers) return;
    const journal = openJournal({ store, incident, actor: name });
    try {
      if ((await journal.state()).state === 'resolved') await releaseLevers({ levers, journal });
    } catch (error) {
      this.#complain('levers-not-released', error);
    }
  }

  async #keep(): Promise<void> {
    await renewLeases(this.#options, [...this.#held.values()]);
    if (this.#options.clock.monotonic() - this.#seenAt >= SEEN_EVERY_MS) await this.#saySeen();
  }

  async #saySeen(): Promise<void> {
    const { store, clock, version, sites } = this.#options;
    const seenAt = store.now();
    await store.write(async (tx) => {
      await seeWorker(tx, { id: this.name, sites, version, startedAt: this.#startedAt, seenAt });
      await pruneWorkers(tx, seenAt - FORGET_MS);
    });
    this.#seenAt = clock.monotonic();
  }

  /** Calls `task` again and again, `ms` after it has ended; what it throws is said, and tried again. */
  async #every(ms: number, task: () => Promise<void>, stopped: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!stopped.aborted) {
      await clock.sleep(ms, stopped).catch(() => {});
      if (!stopped.aborted) await task().catch((error: unknown) => this.#complain('store-trouble', error));
    }
  }

  #end(which: (job: Job) => boolean): void {
    for (const { job, stop } of this.#held.values()) {
      if (which(job)) stop.abort(new DOMException('the worker stops', 'AbortError'));
    }
  }

  async #whenIdle(): Promise<void> {
    await this.#loops[0];
    while (this.#held.size > 0) {
      this.#wakeUp.rest();
      await this.#wakeUp.wait(this.#options.clock, POLL_MS);
    }
  }

  async #leave(): Promise<void> {
    const { store } = this.#options;
    await store.write((tx) => removeWorker(tx, this.name)).catch(() => {});
  }

  #complain(event: string, error: unknown): void {
    this.#options.log({ event, why: error instanceof Error ? error.message : String(error) });
  }
}

function backOff(attempt: number): number {
  return Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2);
}
