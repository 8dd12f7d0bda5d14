export { type Clock, systemClock, TestClock } from './clock.ts';
export {
  AllclearError,
  type ErrorCode,
  type ErrorDetails,
  errorTable,
  systemCode,
  toAllclearError,
} from './errors.ts';
export { newId } from './ids.ts';
export type { Log, LogEntry } from './log.ts';
export { closest } from './spelling.ts';
export { oneLine, printable, slug } from './text.ts';
export { formatDuration, parseDuration, secondsPer } from './units.ts';
