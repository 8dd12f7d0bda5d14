/** What people do to an incident as a whole. */
import { AllclearError, closest } from '../../kernel/index.ts';
import {
  assignIncident,
  keepRunbookVersion,
  listEvents,
  relinkIncident,
  runbookHash,
} from '../../store/index.ts';
import type { ActionBody } from '../actions.ts';
import { concludeDiagnosis } from '../conclude.ts';
import { readTimeline, type TimelineEvent } from '../timeline.ts';
import { judgeVerdict } from '../verdict.ts';
import { type Act, refusal, requireIdle, requireOpen } from './act.ts';
import { openQuestions, withPersonsAnswer } from './questions.ts';

/** The read-only checks run again. */
export async function diagnoseAgain(act: Act): Promise<void> {
  requireRunbook(act);
  requireIdle(act);
  if (act.at.state.state === 'diagnosing') {
    throw refusal('this incident is being diagnosed', 'Wait for the verdict.');
  }
  await act.page.move({ kind: 'diagnosis-started' }, {});
}

export async function verifyNow(act: Act): Promise<void> {
  requireRunbook(act);
  requireIdle(act);
  if (act.at.state.state === 'verifying') {
    throw refusal('this incident is being verified', 'Wait for what comes of it.');
  }
  await act.page.move({ kind: 'verification-started' }, {});
}

function requireRunbook({ at }: Act): void {
  if (at.runbook) return;
  throw refusal('no runbook is linked to this incident', 'Adopt one of the library.');
}

/** To a question that no output can answer: the verdict is judged again with it, or verify has what it lacked. */
export async function answer(act: Act, { check, answer: said }: ActionBody<'answer'>): Promise<void> {
  const { page, at, actor, desk } = act;
  requireOpen(act);
  const asked = openQuestions(at).find((reading) => reading.check === check);
  if (!asked?.question) {
    throw new AllclearError('E_NOT_FOUND', {
      what: `no question of a check "${check}" is open`,
      next: 'The incident shows what it waits for.',
    });
  }
  await page.append('answered', { check, question: asked.question, answer: said });
  if (asked.section === 'verify' || said === 'unknown' || !at.runbook) return;
  const verdict = at.events.findLast((event) => event.kind === 'verdict-reached');
  const readings = (verdict?.data.readings ?? []).map((reading) =>
    reading.check === check ? withPersonsAnswer(reading, said, actor.name) : reading,
  );
  const about = { runbook: at.runbook, surroundings: { clock: desk.clock } };
  await concludeDiagnosis(page, about, judgeVerdict(at.runbook, readings));
}

export async function note({ page, clean }: Act, { text }: ActionBody<'note'>): Promise<void> {
  await page.append('note', { text: clean(text) });
}

/** A command that somebody ran by hand: recorded, never run. */
export async function adHoc(act: Act, body: ActionBody<'ad-hoc'>): Promise<void> {
  if (act.at.state.state === 'closed') throw refusal('this incident is closed', 'Add a note instead.');
  const cleaned = (text: string | undefined) => (text === undefined ? null : act.clean(text));
  await act.page.append('ad-hoc', {
    command: act.clean(body.command),
    why: cleaned(body.why),
    exit: body.exit ?? null,
    output: cleaned(body.output),
  });
}

/**
 * Goes on with another runbook of the library, or with the newer text of the same. What the differential diagnosis
 * said of it is its verdict; without one it is diagnosed.
 */
export async function adopt(act: Act, { runbook: id }: ActionBody<'adopt'>): Promise<void> {
  const { page, at, desk } = act;
  requireOpen(act);
  requireIdle(act);
  requireDecided(act);
  const library = desk.library.list();
  const runbook = library.find((known) => known.id.toLowerCase() === id.toLowerCase());
  if (!runbook)
    throw notInLibrary(
      id,
      library.map((known) => known.id),
    );
  if (runbookHash(runbook.source) === at.record.runbookHash) {
    throw refusal(`this incident goes by ${runbook.id} already`, 'Go on with its steps.');
  }
  const hash = await keepRunbookVersion(page.tx, { file: runbook.file, source: runbook.source }, page.at);
  await relinkIncident(page.tx, at.record.id, { runbook: runbook.id, runbookHash: hash });
  const { id: to, title } = runbook;
  await page.append('runbook-adopted', { from: at.record.runbook, to, hash, title });
  await page.move({ kind: 'diagnosis-started' }, {});
  const known = await lastDifferential(act, to);
  if (!known) return;
  const about = { runbook, surroundings: { clock: desk.clock } };
  await concludeDiagnosis(page, about, { ...known, runbook: to });
}

/** @throws `E_STEP_UNDECIDED` */
function requireDecided({ at }: Act): void {
  const unknown = at.steps.find(({ state }) => state === 'unknown');
  if (!unknown) return;
  throw new AllclearError('E_STEP_UNDECIDED', {
    what: `what became of step ${unknown.index} "${unknown.title}" is unknown, and nobody has decided about it`,
    next: 'Look whether it took effect, then say done, again or skip.',
  });
}

function notInLibrary(id: string, known: readonly string[]): AllclearError {
  const meant = closest(id, [...known]);
  return new AllclearError('E_NOT_FOUND', {
    what: `the library has no runbook "${id}"`,
    next: meant
      ? `Did you mean ${meant}?`
      : `It has ${known.length}${known.length === 0 ? '' : `: ${known.slice(0, 10).join(', ')}${known.length > 10 ? ' …' : '.'}`}`,
  });
}

/** What the differential diagnosis said of a runbook, unless steps have changed the system since. */
async function lastDifferential({ page, at }: Act, runbook: string) {
  const events = readTimeline(
    await listEvents(page.tx, at.record.id, { without: ['alert', 'note', 'ad-hoc'] }),
  );
  const last = events.findLastIndex((event) => event.kind === 'differential' || carriedOut(event));
  const event = events[last];
  if (event?.kind !== 'differential') return null;
  return event.data.verdicts.find((verdict) => verdict.runbook === runbook) ?? null;
}

function carriedOut({ kind }: TimelineEvent): boolean {
  return kind === 'step-intended' || kind === 'step-reported' || kind === 'step-decided';
}

export async function assign({ page, at, clean }: Act, { to }: ActionBody<'assign'>): Promise<void> {
  if (at.state.state === 'closed') throw refusal('this incident is closed', 'A new alert opens a new one.');
  const name = to === null ? null : clean(to);
  await assignIncident(page.tx, at.record.id, name);
  await page.append('assigned', { to: name });
}

export async function escalate({ page, clean }: Act, { why }: ActionBody<'escalate'>): Promise<void> {
  await page.move({ kind: 'escalated', why: clean(why) }, { why: clean(why) });
}

export async function close(act: Act, { why }: ActionBody<'close'>): Promise<void> {
  requireIdle(act);
  await act.page.move({ kind: 'closed', why: act.clean(why) }, { why: act.clean(why) });
}
