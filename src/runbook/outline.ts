import type { Check, Runbook, SectionName } from './model.ts';

/** The runbook in the shape that scripts may rely on: `allclear inspect --json` and the API show it. */
export function outlineOf(runbook: Runbook) {
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
