/** One incident as people read it at a prompt, within 80 columns. */
import type { ToldEvent } from '../app/api-client.ts';
import { type IncidentView, labelEnv, waitingText } from '../engine/index.ts';
import { formatDuration, oneLine, printable, systemClock } from '../kernel/index.ts';
import type { Io } from './io.ts';
import { type Paint, painter } from './paint.ts';
import { readingTable, verdictWord } from './reading-table.ts';
import { clockTime } from './run-view.ts';
import { wrap } from './wrap.ts';

const COLUMNS = 80;
const OUTPUT_LINES = 12;

type Step = IncidentView['steps'][number];

/**
 * The whole of it: what is known, what it waits for, and what has happened.
 * @param all of what the steps printed, not only the end
 */
export function incidentText(view: IncidentView, events: readonly ToldEvent[], all: boolean, io: Io): string {
  const paint = painter(io);
  return `${[
    ...headLines(view, paint),
    ...waitingLines(view, paint),
    ...verdictLines(view, io, paint),
    ...differentialLines(view, io, paint),
    ...stepLines(view, all, paint),
    ...verificationLines(view, io, paint),
    ...section('Time line', timelineLines(events, paint), paint),
  ].join('\n')}\n`;
}

/** What a command has done, and where the incident stands then. */
export function doneText(did: readonly string[], view: IncidentView, io: Io): string {
  const paint = painter(io);
  return `${[
    ...did.map((text) => wrap(printable(text), COLUMNS, '  ')),
    `${view.id}   ${view.state}`,
    ...waitingLines(view, paint),
  ].join('\n')}\n`;
}

/** One event in one paragraph. */
export function eventLine({ at, actor, text }: ToldEvent, paint: Paint): string {
  const by = text.includes(actor) || actor === 'allclear' ? '' : paint('dim', ` (${oneLine(actor, 30)})`);
  return wrap(`${paint('dim', clockTime(at))}  ${printable(text)}${by}`, COLUMNS, '          ');
}

/** A step whole, before somebody approves it: every command as it would run, and the labels it sees. */
export function stepToApprove(step: Step, { steps, labels, parameters }: IncidentView, paint: Paint): string {
  const lines = [
    `${paint('bold', `Step ${step.index} of ${steps.length}: ${oneLine(step.title, 60)}`)} (${step.risk})`,
  ];
  if (step.prose !== '') lines.push(wrap(`  ${oneLine(step.prose, 1_000)}`, COLUMNS, '  '));
  for (const { language, command } of step.blocks) {
    lines.push(`  ${paint('dim', `${oneLine(language, 20)}:`)}`);
    // Nothing is cut here: what is not shown cannot be approved.
    for (const line of printable(command).trimEnd().split('\n')) lines.push(`    ${paint('cyan', line)}`);
  }
  for (const [name, value] of Object.entries({ ...parameters, ...labelEnv(labels) }))
    if (step.blocks.some(({ command }) => command.includes(name)))
      lines.push(`  ${oneLine(name, 60)}=${JSON.stringify(printable(value))}`);
  const { have, need } = step.approvals;
  const by = have.length === 0 ? '' : `: ${have.map((one) => oneLine(one.by, 40)).join(', ')}`;
  lines.push(`  Approved by ${have.length} of ${need}${by}.`);
  return `${lines.join('\n')}\n`;
}

function headLines(view: IncidentView, paint: Paint): string[] {
  const labels = Object.entries(view.labels).map(
    ([name, value]) => `${oneLine(name, 40)}=${oneLine(value, 60)}`,
  );
  const { count, firing } = view.alerts;
  const facts = [
    view.state,
    view.severity ?? '',
    `opened ${age(view.openedAt)} ago`,
    view.assignee === null ? '' : `with ${oneLine(view.assignee, 30)}`,
    count === 0 ? '' : `${count} alert${count === 1 ? '' : 's'}, ${firing} firing`,
  ];
  const runbook =
    view.runbook === null || view.runbook === ''
      ? 'No runbook is linked.'
      : `Runbook ${oneLine(view.runbook, 60)}`;
  const changed = view.runbookChanged ? ' (edited since; this incident keeps the text it began with)' : '';
  return [
    paint('bold', oneLine(view.title, COLUMNS)),
    wrap([view.id, ...facts.filter((fact) => fact !== '')].join('   '), COLUMNS, '  '),
    wrap(`${runbook}${changed}${view.site === '' ? '' : `   site ${oneLine(view.site, 30)}`}`, COLUMNS, '  '),
    ...(labels.length === 0 ? [] : [wrap(`Labels  ${labels.join('  ')}`, COLUMNS, '        ')]),
  ];
}

function waitingLines(view: IncidentView, paint: Paint): string[] {
  const hints = view.hints.map((hint) => wrap(`! ${oneLine(hint, 400)}`, COLUMNS, '  '));
  const lines = [...nextLines(view, paint), ...hints];
  return lines.length === 0 ? [] : ['', ...lines];
}

/** What people, or a worker, have to do next. */
function nextLines({ waiting, work, steps, id }: IncidentView, paint: Paint): string[] {
  if (waiting) {
    const { what, commands } = waitingText(waiting, id);
    return [
      paint('yellow', wrap(`Waits for ${what}`, COLUMNS, '  ')),
      ...commands.map((command) => `  ${command}`),
    ];
  }
  if (work) {
    const what = work.kind === 'step' && work.step !== null ? `step ${work.step}` : work.kind;
    const taken = work.state === 'taken';
    return [
      taken
        ? `Under way: ${what}, on ${oneLine(work.worker ?? '', 60)}`
        : `Next: ${what}, when a worker takes it`,
    ];
  }
  const running = steps.find(({ state }) => state === 'running');
  return running ? [`Under way: step ${running.index}`] : [];
}

function verdictLines({ verdict, sandbox }: IncidentView, io: Io, paint: Paint): string[] {
  if (!verdict) return [];
  const how =
    sandbox === null ? [] : [paint('dim', wrap(`  Checks ran in: ${oneLine(sandbox, 200)}`, COLUMNS, '  '))];
  const said = wrap(`${verdictWord(io, verdict.verdict)}  ${oneLine(verdict.why, 600)}`, COLUMNS, '  ');
  return ['', said, ...readingTable(verdict.readings, io), ...how];
}

function differentialLines({ differential, id, open }: IncidentView, io: Io, paint: Paint): string[] {
  if (!differential) return [];
  const rows = differential.verdicts.map(
    ({ runbook, verdict, why }) =>
      `  ${oneLine(runbook, 28).padEnd(28)}  ${pad(verdictWord(io, verdict), verdict.length, 12)}  ${oneLine(why, COLUMNS - 46)}`,
  );
  const proposed =
    differential.proposed === null
      ? []
      : [
          `  ${oneLine(differential.proposed, 40)} fits better than the linked runbook.`,
          ...(open ? [`  allclear incidents adopt ${id} ${oneLine(differential.proposed, 200)}`] : []),
        ];
  return section('All runbooks of the family', [...rows, ...proposed], paint);
}

const STEP_MARKS: Readonly<Record<Step['state'], string>> = {
  pending: ' ',
  running: '…',
  done: '✓',
  skipped: '-',
  failed: '✗',
  unknown: '?',
};

function stepLines({ steps, proposals }: IncidentView, all: boolean, paint: Paint): string[] {
  const rows = steps.flatMap((step) => [
    stepRow(step),
    ...proposals
      .filter((proposal) => proposal.step === step.index && step.state === 'pending')
      .map(({ by, why }) =>
        wrap(`      proposed by ${oneLine(by, 40)}: ${oneLine(why, 300)}`, COLUMNS, '      '),
      ),
    ...outputLines(step, all, paint),
  ]);
  return section('Steps', rows, paint);
}

function verificationLines({ verification }: IncidentView, io: Io, paint: Paint): string[] {
  if (!verification) return [];
  const { verified, why, readings } = verification;
  const said = `${verified ? 'passed' : 'failed'}: ${oneLine(why, 600)}`;
  return section('Verify', [wrap(`  ${said}`, COLUMNS, '  '), ...readingTable(readings, io)], paint);
}

function stepRow({ index, state, title, risk, manual, approvals }: Step): string {
  const { have, need } = approvals;
  const asked = state === 'pending' && !manual && need > 0 ? `, ${have.length} of ${need} approvals` : '';
  const kind = ` (${manual ? 'by hand' : risk}; ${state}${asked})`;
  return `  ${STEP_MARKS[state]} ${index}. ${oneLine(title, Math.max(20, COLUMNS - kind.length - 8))}${kind}`;
}

/** The end of what the last attempt printed: where errors stand. */
function outputLines({ attempts }: Step, all: boolean, paint: Paint): string[] {
  const output = printable(attempts.at(-1)?.output ?? '').trimEnd();
  if (output === '') return [];
  const lines = output.split('\n');
  const kept = all ? lines : lines.slice(-OUTPUT_LINES);
  const left = lines.length - kept.length;
  const more = left > 0 ? [`      … ${left} lines before (--output shows all)`] : [];
  return [...more, ...kept.map((line) => `      | ${all ? line : oneLine(line, COLUMNS - 8)}`)].map((line) =>
    paint('dim', line),
  );
}

function timelineLines(events: readonly ToldEvent[], paint: Paint): string[] {
  let day = '';
  return events.flatMap((event) => {
    const today = new Date(event.at).toDateString();
    const head = today === day ? [] : [paint('dim', today)];
    day = today;
    return [...head, eventLine(event, paint)];
  });
}

function section(title: string, lines: readonly string[], paint: Paint): string[] {
  return lines.length === 0 ? [] : ['', paint('bold', title), ...lines];
}

/** Pads what has colours in it. */
function pad(shown: string, length: number, width: number): string {
  return shown + ' '.repeat(Math.max(0, width - length));
}

/** Since then, in its two largest units. */
export function age(at: number): string {
  return formatDuration(Math.max(0, Math.round((systemClock.now() - at) / 1000)));
}
