import { parseAssignments } from '../../app/command-env.ts';
import { readRunbook } from '../../app/read-runbooks.ts';
import { openSurroundings, type SurroundingsOptions } from '../../app/surroundings.ts';
import { type Answer, type Round, type Verification, verifyOnce, verifyUntil } from '../../engine/index.ts';
import { AllclearError, formatDuration, oneLine, parseDuration } from '../../kernel/index.ts';
import type { Check } from '../../runbook/index.ts';
import type { Io } from '../io.ts';
import { painter } from '../paint.ts';
import { paragraph, readingTable } from '../reading-table.ts';
import { reportProblems } from '../runbook-problems.ts';

/** Options of `allclear verify`, beside those of the surroundings. */
export interface VerifyCommandOptions extends SurroundingsOptions {
  /** A duration, for checks that state no `within`; default 5 minutes. */
  readonly within?: string;
  /** Seconds between two rounds; default 5. */
  readonly poll?: string;
  /** One round only. */
  readonly once?: boolean;
  /** `CHECK=yes|no`, several: answers to questions given in advance. */
  readonly answer?: readonly string[];
  readonly json?: boolean;
}

/**
 * Runs the checks of Verify until all are normal or their time is over.
 * @returns 0 verified, 1 not verified
 */
export async function verifyCommand(file: string, options: VerifyCommandOptions, io: Io): Promise<number> {
  const json = options.json === true;
  const within = readDuration('--within', options.within);
  const pollSeconds = readDuration('--poll', options.poll);
  const askQuestion = operator(parseAssignments('--answer', options.answer ?? []), json, io);
  const progress =
    io.interactive && !json ? (text: string) => io.err(`${painter(io)('dim', text)}\n`) : undefined;
  const runbook = await readRunbook(file, io.cwd);
  reportProblems(runbook, io, json);
  const open = await openSurroundings(options, { env: io.env, cwd: io.cwd, progress });
  try {
    const surroundings = open.forRunbook(runbook);
    const common = { signal: io.signal, askQuestion };
    const verification =
      options.once === true
        ? await verifyOnce(runbook, surroundings, common)
        : await verifyUntil(runbook, surroundings, {
            ...common,
            within,
            pollSeconds,
            onRound: (round) => progress?.(roundText(round)),
          });
    if (json) io.out(`${JSON.stringify({ runbook: runbook.id, ...verification }, null, 2)}\n`);
    else io.out(verificationText(runbook.id, verification, io));
    return verification.verified ? 0 : 1;
  } finally {
    await open.close();
  }
}

/** Answers given in advance, else the person at the prompt, else nobody. */
function operator(
  given: ReadonlyMap<string, string>,
  json: boolean,
  io: Io,
): (question: string, check: Check) => Promise<Answer> {
  for (const [check, answer] of given) {
    if (answer !== 'yes' && answer !== 'no') {
      throw new AllclearError('E_USAGE', {
        what: `The answer for "${check}" is neither yes nor no`,
        next: `Write --answer ${check}=yes or --answer ${check}=no.`,
      });
    }
  }
  return async (question, check) => {
    const answer = given.get(check.name);
    if (answer === 'yes' || answer === 'no') return answer;
    if (!io.interactive || json) return 'unknown';
    const { select } = await import('@inquirer/prompts');
    return select<Answer>(
      {
        message: `Is this so? ${oneLine(question, 60)}`,
        choices: [
          { name: 'yes', value: 'yes' },
          { name: 'no', value: 'no' },
          { name: 'I cannot tell', value: 'unknown' },
        ],
      },
      { signal: io.signal, output: process.stderr },
    );
  };
}

function roundText({ round, readings, left, holding }: Round): string {
  const normal = readings.filter(({ judgement }) => judgement === 'normal').length;
  const held = holding.length > 0 ? `, holding ${holding.join(', ')}` : '';
  const rest = Number.isFinite(left) ? `, ${formatDuration(Math.max(0, left))} left` : '';
  return `Round ${round}: ${normal} of ${readings.length} normal${held}${rest}`;
}

function verificationText(id: string, { verified, why, readings }: Verification, io: Io): string {
  const word = verified ? painter(io)('green', 'VERIFIED') : painter(io)('red', 'NOT VERIFIED');
  const table = readingTable(readings, io);
  const lines = [`${painter(io)('bold', oneLine(id, 60))}  ${word}`, ...paragraph(why, io)];
  return `${[...lines, ...(table.length > 0 ? ['', ...table] : [])].join('\n')}\n`;
}

function readDuration(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = parseDuration(text);
  if (seconds === undefined || seconds <= 0 || seconds > 86_400) {
    throw new AllclearError('E_USAGE', {
      what: `"${text}" after ${option} is not a duration up to a day`,
      next: `Write, for example, ${option} 5m.`,
    });
  }
  return seconds;
}
