import { findRunbooks, readRunbook } from '../../app/read-runbooks.ts';
import { outlineOf, type Runbook } from '../../runbook/index.ts';
import type { Io } from '../io.ts';
import { printError } from '../print-error.ts';

/** Options of `allclear inspect`. */
export interface InspectOptions {
  readonly json?: boolean;
}

/**
 * Shows what runbooks contain. A file that cannot be read is reported, and the others are still shown.
 * @returns 0, or the highest exit code of the files that could not be read
 */
export async function inspectCommand(
  files: readonly string[],
  options: InspectOptions,
  io: Io,
): Promise<number> {
  const json = options.json === true;
  const runbooks: Runbook[] = [];
  let exitCode = 0;
  for (const file of await findRunbooks(files, io.cwd)) {
    try {
      runbooks.push(await readRunbook(file, io.cwd));
    } catch (error) {
      exitCode = Math.max(exitCode, printError(error, io, json));
    }
  }
  if (json) {
    io.out(`${JSON.stringify(runbooks.map(outlineOf), null, 2)}\n`);
  } else if (runbooks.length > 0) {
    const { outline } = await import('../runbook-outline.ts');
    io.out(runbooks.map((runbook) => outline(runbook, io)).join('\n'));
  }
  return exitCode;
}
