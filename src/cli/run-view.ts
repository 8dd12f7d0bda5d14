/** What `allclear run` shows while it works: for people on stderr, or one JSON object per line. */
import type { RunAbout, RunView } from '../app/run.ts';
import { eventText, type RenderedStep } from '../engine/index.ts';
import { oneLine, printable } from '../kernel/index.ts';
import type { Io } from './io.ts';
import { type Paint, painter } from './paint.ts';
import { reportProblems } from './runbook-problems.ts';
import { wrap } from './wrap.ts';

const MARKS = { normal: '✓', abnormal: '✗', unknown: '?', error: '!' } as const;
const STYLES = { normal: 'green', abnormal: 'red', unknown: 'yellow', error: 'magenta' } as const;
/** Lines of a command that are shown before an approval. */
const SHOWN_LINES = 40;

export interface StepView extends RunView {
  /** Shows a step whole, before somebody is asked about it. */
  step(step: RenderedStep, of: number): void;
}

/** Machines get every durable event as a line of JSON on stderr. */
export function jsonView(io: Io): StepView {
  const line = (value: object) => io.err(`${JSON.stringify(value)}\n`);
  return {
    begin: ({ runbook, incident, resumed, changedSince }) =>
      line({ begin: { runbook: runbook.id, incident, resumed, changedSince } }),
    event: (event) => line({ event }),
    reading: () => {},
    output: (text) => line({ output: text }),
    round: ({ round, elapsed, left }) => line({ round: { round, elapsed, left } }),
    notice: (text) => line({ notice: text }),
    step: () => {},
  };
}

export function terminalView(io: Io): StepView {
  const paint = painter(io);
  // Some terminals say they have no columns at all.
  const width = io.columns >= 40 ? Math.min(io.columns, 100) : 80;
  const output = indented(io);
  const say = (text: string, indent = '  ') => io.err(`${wrap(text, width, indent)}\n`);
  return {
    begin: (about) => {
      reportProblems(about.runbook, io, false);
      say(heading(about, paint));
    },
    event: (event) => {
      output.end();
      const text = eventText(event);
      if (event.kind === 'step-intended' || event.kind === 'answered') return;
      const important = event.kind === 'verdict-reached' || event.kind === 'verified';
      say(`${paint('dim', clockTime(event.at))} ${important ? paint('bold', text) : text}`, '         ');
    },
    reading: ({ judgement, informational, label, shown, error }) => {
      const mark = informational ? paint('dim', '·') : paint(STYLES[judgement], MARKS[judgement]);
      const what = error ? `broken: ${error.message}` : shown;
      say(`  ${mark} ${oneLine(label, 60)}: ${oneLine(what, 120)}`, '      ');
    },
    output: (text) => output.write(printable(text)),
    round: ({ round, readings, left, holding }) => {
      const judged = readings.filter((reading) => !reading.informational);
      const normal = judged.filter((reading) => reading.judgement === 'normal').length;
      const held = holding.length === 0 ? '' : ', holding';
      const time = Number.isFinite(left) ? `, ${Math.max(0, Math.round(left))} s left` : '';
      say(paint('dim', `  round ${round}: ${normal} of ${judged.length} checks normal${held}${time}`));
    },
    notice: (text) => say(paint('dim', printable(text))),
    step: (step, of) => io.err(stepText(step, of, width, paint)),
  };
}

/** What a step prints, each line marked; a line may come in pieces. */
function indented(io: Io): { write(text: string): void; end(): void } {
  let midLine = false;
  return {
    write: (text) => {
      if (text === '') return;
      const marked = text.replaceAll(/\n(?=[^])/g, '\n  | ');
      io.err(midLine ? marked : `  | ${marked}`);
      midLine = !text.endsWith('\n');
    },
    end: () => {
      if (midLine) io.err('\n');
      midLine = false;
    },
  };
}

function heading({ runbook, incident, resumed, changedSince }: RunAbout, paint: Paint): string {
  const title = paint('bold', oneLine(runbook.title, 70));
  const lines = [`${title}\n${resumed ? 'Going on with' : 'Opened'} incident ${incident}.`];
  if (changedSince)
    lines.push('The file has changed since: the incident goes on with the text it began with.');
  return lines.join('\n');
}

function stepText(step: RenderedStep, of: number, width: number, paint: Paint): string {
  const kind = step.manual ? 'by hand' : step.risk;
  const head = paint('bold', `Step ${step.index} of ${of}: ${oneLine(step.title, 60)}`);
  const lines = [`\n${head} (${kind})`];
  if (step.prose !== '') lines.push(wrap(`  ${oneLine(step.prose, 1_000)}`, width, '  '));
  for (const block of step.blocks) {
    const command = printable(block.command).trimEnd().split('\n');
    lines.push(...command.slice(0, SHOWN_LINES).map((line) => `  ${paint('cyan', `$ ${line}`)}`));
    if (command.length > SHOWN_LINES) lines.push(`  … ${command.length - SHOWN_LINES} more lines`);
  }
  return `${lines.join('\n')}\n`;
}

export function clockTime(at: number): string {
  return new Date(at).toTimeString().slice(0, 8);
}
