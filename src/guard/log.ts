export type { Log, LogEntry } from '../kernel/index.ts';
