export { type Address, isLoopback, parseAddress } from './address.ts';
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
export { closest, suggestion } from './spelling.ts';
export { oneLine, printable, slug } from './text.ts';
export { formatDuration, parseDuration, secondsPer } from './units.ts';
export type { YamlPath, YamlText } from './yaml-text.ts';

/** Loaded only when a YAML text is read. `const { YamlText } = await loadYaml()` */
export function loadYaml() {
  return import('./yaml-text.ts');
}
