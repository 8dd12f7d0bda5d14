/** The same failure with no guard and nobody doing anything: what the runbook is up against. */
import type { Clock } from '../kernel/index.ts';
import { recordClients } from './client-record.ts';
import type { DrillEvent, UntreatedResult } from './drill-model.ts';
import { connectFleet, isRecovered, showFleet } from './fleet-view.ts';
import type { Scene } from './scene.ts';
import { secondsSince } from './seconds-since.ts';

const STEADY_MS = 3000;

const NOTHING_DONE = {
  control: null,
  alert: null,
  diagnosis: null,
  verifyBeforeFix: null,
  steps: [],
  verified: false,
  others: [],
  incident: null,
  record: null,
  update: null,
} as const;

export interface Untreated {
  readonly runbook: string;
  readonly scene: Scene;
  readonly observeSeconds: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onEvent: (event: DrillEvent) => void;
}

/** Injects the failure and watches. Ends early when the clients recover by themselves. */
export async function watchUntreated(setup: Untreated): Promise<UntreatedResult> {
  const { scene, clock, signal, onEvent, observeSeconds } = setup;
  const startedAt = clock.monotonic();
  const stopShowing = showFleet(scene, onEvent);
  try {
    await connectFleet(scene, signal, onEvent);
    await clock.sleep(STEADY_MS, signal);
    const record = recordClients(scene, clock);
    const injectedAt = clock.monotonic();
    onEvent({ kind: 'injected', what: await scene.inject() });
    onEvent({ kind: 'observing', seconds: observeSeconds });
    const recovered = () => isRecovered(scene.clients());
    // Only after a loss can there be a recovery, and a loss needs a moment to show.
    let lossSeen = false;
    while (clock.monotonic() - injectedAt < observeSeconds * 1000 && !(lossSeen && recovered())) {
      await clock.sleep(250, signal);
      lossSeen ||= !recovered();
    }
    const { connected, total } = scene.clients();
    onEvent({ kind: 'recovered', connected, total });
    const { lost, connected: series } = record.stop();
    return {
      runbook: setup.runbook,
      untreated: true,
      ...NOTHING_DONE,
      clients: { total, lost, recovered: connected },
      recovers: recovered(),
      work: await scene.work(),
      words: scene.words,
      seconds: {
        toAlert: null,
        toVerdict: null,
        toFix: null,
        toVerified: null,
        observed: secondsSince(clock, injectedAt),
        total: secondsSince(clock, startedAt),
      },
      connected: series,
    };
  } finally {
    stopShowing();
  }
}
