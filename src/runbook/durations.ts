import { parseDuration } from '../kernel/index.ts';
import type { Diagnostic, Fence } from './model.ts';

/** A duration attribute in seconds; what is none becomes a diagnostic. */
export function readDuration(fence: Fence, key: string, diagnostics: Diagnostic[]): number | null {
  const value = fence.attributes[key];
  if (value === undefined || value === null) return null;
  const duration = typeof value === 'boolean' ? undefined : parseDuration(String(value));
  if (duration !== undefined) return duration;
  const message = `"${key}" is a duration such as "30s" or "5m", not ${JSON.stringify(value)}`;
  diagnostics.push({ rule: 'bad-attribute', severity: 'error', line: fence.line, message });
  return null;
}
