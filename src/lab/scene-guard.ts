import type { ScrapeTarget } from '../metrics/index.ts';
import type { GuardProcess, GuardProcessOptions } from './guard-process.ts';
import type { Lab } from './lab.ts';
import type { GuardPlace } from './scene.ts';

/** What a scene wants of its guard besides its place. */
type Wishes = Pick<GuardProcessOptions, 'upstreams' | 'auth' | 'env'>;

/** Starts the guard of a scene, where it is to stand; null for a scene without one. */
export async function startSceneGuard(
  lab: Lab,
  place: GuardPlace | null,
  wishes: Wishes,
): Promise<GuardProcess | null> {
  if (!place) return null;
  const { command, listen, admin, token } = place;
  return lab.startGuardProcess({ command, listen, admin, token, ...wishes });
}

/** Where its metrics are read; nothing without one. */
export function guardTargets(guard: GuardProcess | null): readonly ScrapeTarget[] {
  return guard ? [{ job: 'mcp-guard', url: `${guard.adminUrl}/metrics` }] : [];
}
