import { styleText } from 'node:util';
import { printable, toAllclearError } from '../kernel/index.ts';
import type { Io } from './io.ts';

/**
 * Prints an error for people (what, where, why, what next) or, with `json`, as one object on stderr.
 * @returns the exit code it maps to
 */
export function printError(thrown: unknown, io: Io, json: boolean): number {
  const error = toAllclearError(thrown);
  const { what, next, file, line } = error.details;
  if (json) {
    io.err(`${JSON.stringify({ error: { code: error.code, message: what, file, line, next } })}\n`);
    return error.exitCode;
  }
  const paint = (format: 'red' | 'dim', text: string) => (io.colour ? styleText(format, text) : text);
  io.err(`${paint('red', error.code)} ${printable(error.message)}\n`);
  if (next) io.err(`  ${printable(next)}\n`);
  if (error.code === 'E_INTERNAL' && error.details.cause instanceof Error) {
    io.err(paint('dim', `${error.details.cause.stack ?? ''}\n`));
  }
  return error.exitCode;
}
