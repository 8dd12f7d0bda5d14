/** Notices of programs that run for long: JSON lines for programs, words for people. */
import { type Log, type LogEntry, printable, systemClock } from '../kernel/index.ts';

/** @param name of the program, in front of words */
export function makeLog(name: string, json: boolean, err: (text: string) => void): Log {
  return (entry) => err(json ? `${JSON.stringify(stamped(entry))}\n` : `${inWords(name, entry)}\n`);
}

function stamped({ at, ...entry }: LogEntry): object {
  return { at: new Date(typeof at === 'number' ? at : systemClock.now()).toISOString(), ...entry };
}

function inWords(name: string, { event, ...rest }: LogEntry): string {
  const parts = Object.entries(rest).filter(
    ([key, value]) => key !== 'at' && value !== null && value !== undefined,
  );
  return printable(
    `${name}: ${event} ${parts.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(' ')}`,
  );
}
