import type { DrillEvent } from './drill-model.ts';
import type { ClientCounts, Scene } from './scene.ts';

type Tell = (event: DrillEvent) => void;

/** A fleet is back when this share of it has a session: a few clients are always on their way. */
const RECOVERED_SHARE = 0.99;

export function isRecovered({ connected, total }: Pick<ClientCounts, 'connected' | 'total'>): boolean {
  return connected >= total * RECOVERED_SHARE;
}

/** Tells how many clients are connected, as it changes; the returned function ends it. */
export function showFleet(scene: Scene, tell: Tell): () => void {
  return scene.onClients(({ connected, total, attempts }) =>
    tell({ kind: 'fleet', connected, total, attempts }),
  );
}

/** Connects every client, calmly, and says so. */
export async function connectFleet(scene: Scene, signal: AbortSignal, tell: Tell): Promise<void> {
  await scene.connect(signal);
  tell({ kind: 'connected', connected: scene.clients().connected });
}
