import { findRunbooks, readRunbook } from '../../app/read-runbooks.ts';
import { openSurroundings, type SurroundingsOptions } from '../../app/surroundings.ts';
import { createGates, diagnose, sharedObservers, type Verdict } from '../../engine/index.ts';
import { oneLine } from '../../kernel/index.ts';
import type { Runbook } from '../../runbook/index.ts';
import type { Io } from '../io.ts';
import { painter } from '../paint.ts';
import { printError } from '../print-error.ts';
import { judgementWord, paragraph, readingTable, verdictWord } from '../reading-table.ts';
import { reportProblems } from '../runbook-problems.ts';

/** Commands at the same time: somebody may be working on this machine. */
const AT_ONCE = 16;

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
  const observers = sharedObservers({ signal: io.signal, gates: createGates(AT_ONCE) });
  const verdicts: Verdict[] = [];
  let exitCode = 0;
  const begin = async (runbook: Runbook): Promise<Verdict> => {
    reportProblems(runbook, io, json);
    const surroundings = open.forRunbook(runbook);
    return diagnose(runbook, surroundings, {
      signal: io.signal,
      observer: observers(surroundings),
      onReading: (reading) =>
        progress?.(`${runbook.id}: ${oneLine(reading.label, 50)}: ${judgementWord(reading).word}`),
    });
  };
  try {
    const begun: Promise<Ended>[] = [];
    for (const file of await findRunbooks(files, io.cwd)) {
      const read = await readRunbook(file, io.cwd).catch((error: unknown) => ({ error }));
      begun.push('error' in read ? Promise.resolve({ verdict: null, ...read }) : settled(begin(read)));
    }
    for (const ending of begun) {
      const { verdict, error } = await ending;
      if (verdict === null) {
        if (io.signal.aborted) throw error;
        exitCode = Math.max(exitCode, printError(error, io, json));
        continue;
      }
      verdicts.push(verdict);
      if (!json) io.out(`${verdicts.length > 1 ? '\n' : ''}${verdictText(verdict, io)}`);
      if (verdict.verdict === 'inconclusive') exitCode = Math.max(exitCode, 1);
    }
  } finally {
    await open.close();
  }
  if (json) io.out(`${JSON.stringify(verdicts, null, 2)}\n`);
  return exitCode;
}

interface Ended {
  readonly verdict: Verdict | null;
  readonly error: unknown;
}

/** All run side by side and are printed in their order: none may fail before its turn. */
function settled(begun: Promise<Verdict>): Promise<Ended> {
  return begun.then(
    (verdict) => ({ verdict, error: null }),
    (error: unknown) => ({ verdict: null, error }),
  );
}

function verdictText(verdict: Verdict, io: Io): string {
  const head = `${painter(io)('bold', oneLine(verdict.runbook, 60))}  ${verdictWord(io, verdict.verdict)}`;
  const table = readingTable(verdict.readings, io);
  return `${[head, ...paragraph(verdict.why, io), ...(table.length > 0 ? ['', ...table] : [])].join('\n')}\n`;
}
