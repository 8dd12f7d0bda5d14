/** What `allclear doctor` finds out, one thing at a time. */
import { AllclearError } from '../../kernel/index.ts';

/** `broken`: something needed does not work. `warning`: it works, or is not needed, but look. `off`: not configured. */
export type FindingState = 'ok' | 'warning' | 'broken' | 'off';

export interface Finding {
  readonly name: string;
  readonly state: FindingState;
  /** What was found, in a few words. */
  readonly found: string;
  /** What to do about it; null when there is nothing to do. */
  readonly fix: string | null;
}

export function ok(name: string, found: string): Finding {
  return { name, state: 'ok', found, fix: null };
}

export function off(name: string, found: string, fix: string): Finding {
  return { name, state: 'off', found, fix };
}

export function warning(name: string, found: string, fix: string): Finding {
  return { name, state: 'warning', found, fix };
}

export function broken(name: string, found: string, fix: string): Finding {
  return { name, state: 'broken', found, fix };
}

/** The finding that an error is; whatever is not ours is a bug, and said so. */
export function brokenBy(name: string, error: unknown, fix: string): Finding {
  if (!(error instanceof AllclearError)) throw error;
  return broken(name, `${error.code} ${error.message}`, error.details.next ?? fix);
}
