import { findRunbooks, readRunbook } from '../../app/read-runbooks.ts';
import { openSurroundings, type SurroundingsOptions } from '../../app/surroundings.ts';
import { createObserver, diagnose, type Observer, type Verdict } from '../../engine/index.ts';
import { oneLine } from '../../kernel/index.ts';
import type { Runbook } from '../../runbook/index.ts';
import type { Io } from '../io.ts';
import { painter } from '../paint.ts';
import { printError } from '../print-error.ts';
import { judgementWord, paragraph, readingTable, verdictWord } from '../reading-table.ts';
import { reportProblems } from '../runbook-problems.ts';

/** Options of `allclear diagnose`, beside those of the surroundings. */
export interface DiagnoseCommandOptions extends SurroundingsOptions {
  readonly json?: boolean;
}

/**
 * Runs the Diagnosis of each runbook and prints its verdict.
 * @returns 0 when every verdict is `confirmed` or `ruled-out`, 1 when one is `inconclusive`, else the
 * highest exit code of the runbooks that could not be read
 */
export async function diagnoseCommand(
  files: readonly string[],
  options: DiagnoseCommandOptions,
  io: Io,
): Promise<number> {
  const json = options.json === true;
  const progress =
    io.interactive && !json ? (text: string) => io.err(`${painter(io)('dim', text)}\n`) : undefined;
  const open = await openSurroundings(options, { env: io.env, cwd: io.cwd, progress });
  const shared = createObserver(open.surroundings, { signal: io.signal });
  const verdicts: Verdict[] = [];
  let exitCode = 0;
  try {
    for (const file of await findRunbooks(files, io.cwd)) {
      try {
        const runbook = await readRunbook(file, io.cwd);
        reportProblems(runbook, io, json);
        const surroundings = open.forRunbook(runbook);
        const verdict = await diagnose(runbook, surroundings, {
          signal: io.signal,
          observer: observerFor(runbook, shared),
          onReading: (reading) =>
            progress?.(`${runbook.id}: ${oneLine(reading.label, 50)}: ${judgementWord(reading).word}`),
        });
        verdicts.push(verdict);
        if (!json) io.out(`${verdicts.length > 1 ? '\n' : ''}${verdictText(verdict, io)}`);
        if (verdict.verdict === 'inconclusive') exitCode = Math.max(exitCode, 1);
      } catch (error) {
        if (io.signal.aborted) throw error;
        exitCode = Math.max(exitCode, printError(error, io, json));
      }
    }
  } finally {
    await open.close();
  }
  if (json) io.out(`${JSON.stringify(verdicts, null, 2)}\n`);
  return exitCode;
}

/** Runbooks share what identical commands saw, unless parameters of their own make them differ. */
function observerFor(runbook: Runbook, shared: Observer): Observer | undefined {
  return runbook.frontMatter.params.length === 0 ? shared : undefined;
}

function verdictText(verdict: Verdict, io: Io): string {
  const head = `${painter(io)('bold', oneLine(verdict.runbook, 60))}  ${verdictWord(io, verdict.verdict)}`;
  const table = readingTable(verdict.readings, io);
  return `${[head, ...paragraph(verdict.why, io), ...(table.length > 0 ? ['', ...table] : [])].join('\n')}\n`;
}
