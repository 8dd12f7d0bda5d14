import type { Command } from 'commander';
import type { Io } from '../io.ts';

/** What a group of commands is declared with: the terminal, and where its exit code goes. */
export type Declare = (io: Io, done: (exitCode: number) => void) => Command[];

/** The example lines under a command's help. */
export function example(...lines: string[]): string {
  return `\nExample:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}

/** For options that may be given several times. */
export function collect(value: string, earlier: string[] = []): string[] {
  return [...earlier, value];
}
