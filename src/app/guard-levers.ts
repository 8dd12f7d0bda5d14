import type { Levers } from '../engine/index.ts';
import { DEFAULT_GUARD_URL } from './command-env.ts';

/**
 * The levers of the guard that the environment names. Null without a token: no lever can have been set from here, and
 * none can be given back.
 */
export async function leversOf(env: Readonly<Record<string, string | undefined>>): Promise<Levers | null> {
  const token = env['ALLCLEAR_GUARD_TOKEN'];
  if (!token) return null;
  const { GuardLevers } = await import('../guard/index.ts');
  return new GuardLevers(env['ALLCLEAR_GUARD_URL'] || DEFAULT_GUARD_URL, token);
}
