import type { Clock } from '../kernel/index.ts';
import type { Scene } from './scene.ts';

const SECOND_MS = 1000;
const MAX_SECONDS = 3600;

/** Writes down once a second how many clients work, and how much they lost, from now on. */
export function recordClients(
  scene: Scene,
  clock: Clock,
): { stop(): { readonly lost: number; readonly connected: readonly number[] } } {
  const lostBefore = scene.clients().lost;
  const connected: number[] = [];
  let cancel: (() => void) | null = null;
  const note = () => {
    if (connected.length < MAX_SECONDS) connected.push(scene.clients().connected);
    cancel = clock.after(SECOND_MS, note);
  };
  note();
  return {
    stop: () => {
      cancel?.();
      return { lost: scene.clients().lost - lostBefore, connected };
    },
  };
}
