import { formatDuration, oneLine, printable } from '../kernel/index.ts';
import type { Check, Condition, Runbook, Step } from '../runbook/index.ts';
import type { Io } from './io.ts';
import { type Paint, painter } from './paint.ts';

const QUESTIONS = [
  ['symptom', 'Symptom'],
  ['diagnosis', 'Diagnosis'],
  ['remediation', 'Remediation'],
  ['verify', 'Verify'],
] as const;

/** The runbook as an outline for people: what runs, how it will be judged, what is left to them. */
export function outline(runbook: Runbook, io: Io): string {
  const width = Math.min(io.columns, 100);
  const paint = painter(io);
  const lines = [
    paint('bold', oneLine(runbook.title, width)),
    paint('dim', oneLine(aboutLine(runbook), width)),
  ];
  for (const [name, heading] of QUESTIONS) {
    if (!runbook.sections.some((section) => section.name === name)) {
      lines.push('', `${paint('bold', heading)}  ${paint('yellow', 'missing')}`);
      continue;
    }
    if (name === 'symptom') continue;
    lines.push('', paint('bold', heading));
    if (name === 'remediation') lines.push(...stepLines(runbook.steps, width, paint));
    else
      lines.push(
        ...checkLines(
          runbook.checks.filter(({ section }) => section === name),
          width,
          paint,
        ),
      );
  }
  if (runbook.diagnostics.length > 0) {
    lines.push('', paint('bold', 'Problems'));
    for (const { line, severity, message } of runbook.diagnostics) {
      lines.push(
        `  ${paint(severity === 'error' ? 'red' : 'yellow', severity)} line ${line}: ${printable(message)}`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}

function aboutLine({ file, id, frontMatter }: Runbook): string {
  const { severity, alerts, owner } = frontMatter;
  const parts = [
    file,
    `id ${id}`,
    severity,
    owner && `owner ${owner}`,
    alerts.length > 0 && `alerts ${alerts.join(', ')}`,
  ];
  return parts.filter(Boolean).join(' · ');
}

function checkLines(checks: readonly Check[], width: number, paint: Paint): string[] {
  if (checks.length === 0) return [`  ${paint('dim', 'no commands or queries: only prose')}`];
  return checks.flatMap((check) => [
    `  ${paint('cyan', check.name)}${check.label === check.name ? '' : `  ${oneLine(check.label, width - check.name.length - 4)}`}`,
    `    ${paint('dim', oneLine(`${check.language === 'promql' ? 'promql' : '$'} ${check.command}`, width - 4))}`,
    ...judgementLines(check, width, paint).map((line) => `    ${line}`),
  ]);
}

function judgementLines(check: Check, width: number, paint: Paint): string[] {
  if (check.question !== null) {
    return [paint('yellow', oneLine(`asks you: ${check.question}`, width - 4)), ...timing(check)];
  }
  const conditions = [
    conditionLine('normal', check.normal, paint),
    conditionLine('abnormal', check.abnormal, paint),
  ];
  const stated = conditions.filter((line) => line !== null);
  if (stated.length === 0) return [paint('dim', 'informs only: nothing says what is normal')];
  return [...stated, ...timing(check)];
}

function conditionLine(
  side: 'normal' | 'abnormal',
  condition: Condition | null,
  paint: Paint,
): string | null {
  if (condition === null) return null;
  const cel = paint(side === 'normal' ? 'green' : 'red', printable(condition.cel));
  return condition.inferred ? `${side}: ${cel}  ${paint('dim', '(inferred)')}` : `${side}: ${cel}`;
}

function timing({ within, holdFor }: Check): string[] {
  const parts = [
    within !== null && `within ${formatDuration(within)}`,
    holdFor !== null && `for ${formatDuration(holdFor)}`,
  ];
  const text = parts.filter(Boolean).join(', ');
  return text === '' ? [] : [text];
}

function stepLines(steps: readonly Step[], width: number, paint: Paint): string[] {
  if (steps.length === 0) return [`  ${paint('dim', 'no steps: only prose')}`];
  return steps.flatMap((step) => {
    const how = step.manual ? 'by hand' : `${step.risk}${step.riskStated ? '' : ' (default)'}`;
    const title = oneLine(step.title, width - how.length - 8);
    const risky = !step.manual && step.risk === 'disruptive';
    return [
      `  ${step.index}. ${title}  ${paint(risky ? 'red' : 'dim', how)}`,
      ...step.blocks.map((block) => `     ${paint('dim', oneLine(`$ ${block.command}`, width - 5))}`),
    ];
  });
}
