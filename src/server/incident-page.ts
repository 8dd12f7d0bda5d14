/**
 * An incident as a page that any browser shows: what the link in a notification leads to. It reads; what is to be
 * done is said as commands. Everything on it came from outside at some point, and is escaped.
 */
import { eventText, type IncidentView, type TimelineEvent, waitingText } from '../engine/index.ts';
import { oneLine, printable } from '../kernel/index.ts';
import { escapeHtml, page } from './page.ts';

const RELOAD_SECONDS = 5;
const OUTPUT_CHARACTERS = 4_000;

type Reading = NonNullable<IncidentView['verdict']>['readings'][number];
type Step = IncidentView['steps'][number];

/** @param events the last ones, in order */
export function incidentPage(view: IncidentView, events: readonly TimelineEvent[]): string {
  const title = said(view.title);
  const body = [
    `<h1>${title}</h1>`,
    head(view),
    next(view),
    verdict(view),
    differential(view),
    steps(view),
    verification(view),
    timeline(events),
  ];
  return page(`${marked(view.state)} ${title}`.replace(/<[^>]+>/g, ''), body, view.open ? RELOAD_SECONDS : 0);
}

function head(view: IncidentView): string {
  const { count, firing } = view.alerts;
  const labels = Object.entries(view.labels).map(
    ([name, value]) => `<code>${said(name)}=${said(value)}</code>`,
  );
  const runbook =
    view.runbook === null
      ? '<span class="warning">No runbook is linked.</span>'
      : `<a href="/runbooks/${encodeURIComponent(view.runbook)}">${said(view.runbookTitle ?? view.runbook)}</a>`;
  return table([
    ['State', `${marked(view.state)}${view.why === null ? '' : `: ${said(view.why)}`}`],
    ['Severity', view.severity === null ? '' : marked(view.severity)],
    ['Runbook', `${runbook}${view.runbookChanged ? ' (edited since; the text it began with goes on)' : ''}`],
    ['Opened', time(view.openedAt)],
    ['Alerts', count === 0 ? '' : `${count}, ${firing} firing`],
    ['With', said(view.assignee ?? 'nobody')],
    ['Labels', labels.join(' ')],
    ['Incident', `<code>${said(view.id)}</code>`],
  ]);
}

function next({ waiting, work, hints, id }: IncidentView): string {
  const lines = hints.map((hint) => `<p>${said(hint)}</p>`);
  if (waiting) {
    const { what, commands } = waitingText(waiting, id);
    lines.unshift(`<p>Waits for ${said(what)}</p>`, pre(commands.join('\n')));
  } else if (work) {
    const what = work.kind === 'step' ? `step ${work.step}` : work.kind;
    lines.unshift(`<p>${work.state === 'taken' ? 'Under way' : 'Next'}: ${what}</p>`);
  }
  return lines.length === 0
    ? ''
    : `<section class="next">\n<h2>What next</h2>\n${lines.join('\n')}\n</section>`;
}

function verdict({ verdict: found, sandbox }: IncidentView): string {
  if (!found) return '';
  const how = sandbox === null ? '' : `<p>Checks ran in: ${said(sandbox)}</p>`;
  return section(
    'Diagnosis',
    `<p>${marked(found.verdict)} ${said(found.why)}</p>${readings(found.readings)}${how}`,
  );
}

function differential({ differential: found }: IncidentView): string {
  if (!found || found.verdicts.length === 0) return '';
  const proposed =
    found.proposed === null
      ? ''
      : `<p class="warning">${said(found.proposed)} fits better than the linked runbook.</p>`;
  const rows = found.verdicts.map(({ runbook, verdict: word, why }) => [
    `<a href="/runbooks/${encodeURIComponent(runbook)}">${said(runbook)}</a>`,
    marked(word),
    said(why),
  ]);
  return section('The other runbooks of the family', `${proposed}${table(rows)}`);
}

function readings(all: readonly Reading[]): string {
  return table(
    all.map(({ check, judgement, shown, why }) => [said(check), marked(judgement), said(shown), said(why)]),
  );
}

function steps({ steps: all }: IncidentView): string {
  if (all.length === 0) return '';
  return section('Steps', `<ol>\n${all.map((step) => `<li>${oneStep(step)}</li>`).join('\n')}\n</ol>`);
}

function oneStep(step: Step): string {
  const { have, need } = step.approvals;
  const approved = step.manual || need === 0 ? '' : `, approved by ${have.length} of ${need}`;
  const by = have.length === 0 ? '' : ` (${have.map((one) => said(one.by)).join(', ')})`;
  const output = step.attempts.at(-1)?.output ?? '';
  return [
    `<strong>${said(step.title)}</strong> ${marked(step.state)}, ${step.risk}${approved}${by}`,
    ...step.blocks.map(({ command }) => pre(command)),
    ...(output === ''
      ? []
      : [`<details><summary>Output</summary>${pre(output.slice(-OUTPUT_CHARACTERS))}</details>`]),
  ].join('\n');
}

function verification({ verification: found }: IncidentView): string {
  if (!found) return '';
  const word = found.verified
    ? '<span class="normal">verified</span>'
    : '<span class="abnormal">not verified</span>';
  return section('Verify', `<p>${word} ${said(found.why)}</p>${readings(found.readings)}`);
}

function timeline(events: readonly TimelineEvent[]): string {
  const rows = events.map((event) => [time(event.at), said(event.actor), said(eventText(event))]);
  return section('Time line', table(rows));
}

function section(title: string, body: string): string {
  return `<section>\n<h2>${title}</h2>\n${body}\n</section>`;
}

/** Rows with nothing in their last cell are left out. */
function table(rows: readonly (readonly string[])[]): string {
  const shown = rows.filter((row) => row.at(-1) !== '');
  return `<table>\n${shown.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('\n')}\n</table>`;
}

function marked(word: string): string {
  return `<span class="${escapeHtml(word.replace(/[^a-z-]/gi, ''))}">${said(word)}</span>`;
}

function time(at: number): string {
  return `<time>${new Date(at).toISOString().replace('T', ' ').slice(0, 19)}</time>`;
}

function pre(text: string): string {
  return `<pre>${escapeHtml(printable(text))}</pre>`;
}

function said(text: string): string {
  return escapeHtml(oneLine(text, 600));
}
