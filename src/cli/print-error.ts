import { printable, toAllclearError } from '../kernel/index.ts';
import type { Io } from './io.ts';
import { painter } from './paint.ts';

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
  const paint = painter(io);
  io.err(`${paint('red', error.code)} ${printable(error.message)}\n`);
  if (next) io.err(`  ${printable(next)}\n`);
  if (error.code === 'E_INTERNAL' && error.details.cause instanceof Error) {
    io.err(paint('dim', `${error.details.cause.stack ?? ''}\n`));
  }
  return error.exitCode;
}
