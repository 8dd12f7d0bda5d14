import { findRunbooks, readRunbook } from '../../app/read-runbooks.ts';
import type { Check, Runbook, SectionName } from '../../runbook/index.ts';
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
    io.out(`${JSON.stringify(runbooks.map(inspectJson), null, 2)}\n`);
  } else if (runbooks.length > 0) {
    const { outline } = await import('../runbook-outline.ts');
    io.out(runbooks.map((runbook) => outline(runbook, io)).join('\n'));
  }
  return exitCode;
}

/** The runbook in the shape that design section 8 promises to scripts. */
export function inspectJson(runbook: Runbook) {
  const has = (name: SectionName) => runbook.sections.some((section) => section.name === name);
  return {
    file: runbook.file,
    id: runbook.id,
    title: runbook.title,
    severity: runbook.frontMatter.severity,
    sections: {
      symptom: has('symptom'),
      diagnosis: has('diagnosis'),
      remediation: has('remediation'),
      verify: has('verify'),
    },
    checks: runbook.checks.map(checkJson),
    steps: runbook.steps.map(({ index, title, manual, risk, blocks }) => ({
      index,
      title,
      manual,
      risk,
      commands: blocks.map(({ command }) => command),
    })),
    diagnostics: runbook.diagnostics.map(({ rule, severity, line, message }) => ({
      rule,
      severity,
      line,
      message,
    })),
  };
}

function checkJson({ section, name, language, command, normal, abnormal, question, within }: Check) {
  return {
    section,
    name,
    language,
    command,
    normal: normal?.cel ?? null,
    abnormal: abnormal?.cel ?? null,
    // A question is an expectation read from prose, too: one that no output can answer.
    inferred: normal?.inferred === true || abnormal?.inferred === true || question !== null,
    within,
  };
}
