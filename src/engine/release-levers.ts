import type { Journal } from './journal.ts';
import type { Levers } from './ports.ts';

/**
 * What was held for an incident goes back, once it is verified. A failure to do so is on the time line, not hidden; the
 * levers then go back by themselves when their time is over.
 */
export async function releaseLevers({
  levers,
  journal,
}: {
  /** Null: no guard is there whose levers could be held. */
  readonly levers: Levers | null;
  readonly journal: Pick<Journal, 'incident' | 'actor' | 'append'>;
}): Promise<void> {
  if (!levers) return;
  try {
    const released = await levers.release(journal.incident, journal.actor);
    if (released.length > 0)
      await journal.append('levers-released', { levers: released.map(({ name }) => name) });
  } catch (error) {
    await journal.append('levers-not-released', {
      error: error instanceof Error ? error.message : String(error),
    });
  }
}
