import { DEFAULT_LEASE, type Lease } from '../engine/index.ts';
import { AllclearError } from '../kernel/index.ts';
import type { Io } from './io.ts';

/** `ALLCLEAR_LEASE_SECONDS`: how long a silent worker keeps its step. The same for all that share a store. Errors: `E_BAD_VALUE` */
export function leaseOf(env: Io['env']): Lease {
  const text = env['ALLCLEAR_LEASE_SECONDS'];
  if (!text) return DEFAULT_LEASE;
  const seconds = Number(text);
  if (Number.isFinite(seconds) && seconds >= 0.1 && seconds <= 3_600) {
    return { ms: seconds * 1000, renewMs: Math.max(30, (seconds * 1000) / 3.5) };
  }
  throw new AllclearError('E_BAD_VALUE', {
    what: `ALLCLEAR_LEASE_SECONDS cannot be "${text}"`,
    next: 'It takes seconds between 0.1 and 3600.',
  });
}
