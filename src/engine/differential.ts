/**
 * Differential diagnosis: beside the linked runbook, the read-only checks of every runbook of its family run, as
 * the alert may have linked the wrong one. Bounded in number and in time; identical commands run once.
 */
import { AllclearError, oneLine } from '../kernel/index.ts';
import type { Runbook } from '../runbook/index.ts';
import { allEnded } from './all-ended.ts';
import { concludeDiagnosis } from './conclude.ts';
import { diagnose } from './diagnose.ts';
import type { Page } from './journal.ts';
import type { Reading, Surroundings, Verdict } from './model.ts';
import { createGates, createObserver, type Observer, type ObserverOptions } from './observe.ts';
import { describeSandbox } from './sandbox/model.ts';
import { type EventData, keptReadings } from './timeline.ts';

export interface FamilyLimits {
  /** Runbooks beside the linked one. */
  readonly runbooks: number;
  /** Commands at the same time. */
  readonly atOnce: number;
  /** Seconds for all; more only where a check of the linked runbook states a longer time-out. */
  readonly seconds: number;
}

const FAMILY_LIMITS: FamilyLimits = { runbooks: 200, atOnce: 64, seconds: 60 };

export interface Family {
  readonly linked: Runbook;
  /** The other runbooks of the family. */
  readonly others: readonly Runbook[];
  /** What the commands of a runbook run with. Errors: `E_USAGE` for a parameter without a value. */
  readonly surroundingsOf: (runbook: Runbook) => Surroundings;
  readonly limits?: Partial<FamilyLimits>;
  readonly signal?: AbortSignal;
  /** Why runbooks are missing among the others, as a sentence. */
  readonly left?: string | null;
}

export interface FamilyVerdicts {
  readonly linked: Verdict;
  /** In the order of `others`. */
  readonly others: readonly Verdict[];
  readonly differential: EventData<'differential'>;
}

/**
 * Runs the Diagnosis of all, side by side. What has not ended in time is a broken check (`E_TIMEOUT`); a runbook that
 * cannot be tried is inconclusive and says why. Errors: `E_CANCELLED`.
 */
export async function diagnoseFamily(family: Family): Promise<FamilyVerdicts> {
  const { linked, surroundingsOf, signal } = family;
  const limits = { ...FAMILY_LIMITS, ...family.limits };
  const others = family.others.filter(hasChecks).slice(0, limits.runbooks);
  const tried = tryAll([linked, ...others], surroundingsOf);
  const { clock, sandbox } = tried.find(({ surroundings }) => surroundings)?.surroundings ?? {};
  const started = clock?.monotonic() ?? 0;
  const deadline = new AbortController();
  const stop = clock?.after(1000 * secondsFor(linked, limits), () => deadline.abort());
  try {
    const observers = sharedObservers({
      signal,
      deadline: deadline.signal,
      gates: createGates(limits.atOnce),
    });
    const [first, ...rest] = await allEnded(tried.map((one) => verdictOf(one, observers, signal)));
    const verdicts = rest.map((verdict, at) => ({ ...verdict, title: oneLine(others[at]!.title, 200) }));
    const seconds = clock ? (clock.monotonic() - started) / 1000 : 0;
    return {
      linked: first!,
      others: rest,
      differential: {
        verdicts: bounded(verdicts),
        proposed: proposal(first!, rest),
        sandbox: describeSandbox(sandbox),
        seconds: Math.round(seconds * 1000) / 1000,
        left: family.left ?? leftOut(family.others.filter(hasChecks).length - others.length),
      },
    };
  } finally {
    stop?.();
  }
}

/** What comes of it on the incident's time line, within the caller's transaction. Errors: `E_TRANSITION`. */
export async function concludeFamily(
  page: Page,
  about: Parameters<typeof concludeDiagnosis>[1],
  { linked, differential }: FamilyVerdicts,
): Promise<void> {
  await page.append('differential', differential);
  await concludeDiagnosis(page, about, linked);
}

function hasChecks({ checks }: Runbook): boolean {
  return checks.some(({ section }) => section === 'diagnosis');
}

/** A time-out that the linked runbook's author has stated is not cut short; a sampled check runs twice. */
function secondsFor({ checks }: Runbook, { seconds }: FamilyLimits): number {
  return Math.max(seconds, ...checks.map(({ timeout }) => 2 * (timeout ?? 0)));
}

function leftOut(count: number): string | null {
  if (count <= 0) return null;
  return `${count} more runbook${count === 1 ? '' : 's'} of the family ${count === 1 ? 'was' : 'were'} not tried: there are too many.`;
}

interface Tried {
  readonly runbook: Runbook;
  readonly surroundings: Surroundings | null;
  /** Why there are none. */
  readonly why: string;
}

function tryAll(
  runbooks: readonly Runbook[],
  surroundingsOf: (runbook: Runbook) => Surroundings,
): readonly Tried[] {
  return runbooks.map((runbook) => {
    try {
      return { runbook, surroundings: surroundingsOf(runbook), why: '' };
    } catch (error) {
      if (!(error instanceof AllclearError)) throw error;
      return { runbook, surroundings: null, why: `Its checks were not run: ${error.details.what}.` };
    }
  });
}

async function verdictOf(tried: Tried, observers: Observers, signal?: AbortSignal): Promise<Verdict> {
  const { runbook, surroundings, why } = tried;
  const inconclusive = (reason: string): Verdict => ({
    runbook: runbook.id,
    verdict: 'inconclusive',
    why: reason,
    readings: [],
  });
  if (surroundings === null) return inconclusive(why);
  try {
    return await diagnose(runbook, surroundings, { signal, observer: observers(surroundings) });
  } catch (error) {
    // One runbook whose shell cannot be started must not take the others' verdicts with it.
    if (!(error instanceof AllclearError) || error.code === 'E_CANCELLED') throw error;
    return inconclusive(`Its checks could not be run: ${error.message}.`);
  }
}

type Observers = (surroundings: Surroundings) => Observer;

/** Runbooks whose commands see the same environment share an observer, and with it what identical commands saw. */
export function sharedObservers(options: ObserverOptions): Observers {
  const gates = options.gates ?? createGates();
  const made = new Map<string, Observer>();
  return (surroundings) => {
    const key = JSON.stringify([surroundings.cwd, Object.entries(surroundings.env)]);
    const observer = made.get(key) ?? createObserver(surroundings, { ...options, gates });
    made.set(key, observer);
    return observer;
  };
}

/** The runbook that fits where the linked one does not: of those confirmed the one with the most evidence. */
function proposal(linked: Verdict, others: readonly Verdict[]): string | null {
  if (linked.verdict === 'confirmed') return null;
  const fitting = others
    .filter(({ verdict }) => verdict === 'confirmed')
    .toSorted((a, b) => evidence(b) - evidence(a));
  return fitting[0]?.runbook ?? null;
}

function evidence({ readings }: Verdict): number {
  return readings.filter(({ judgement }) => judgement === 'abnormal').length;
}

/** Characters of output that the event keeps of one reading, and of all. The verdicts themselves are never cut. */
const KEPT_OF_ONE = 500;
const KEPT_OF_ALL = 200_000;

type Kept = EventData<'differential'>['verdicts'];

/** Confirmed ones first keep what their commands printed: they are what is looked at. */
function bounded(verdicts: Kept): Kept {
  let room = KEPT_OF_ALL;
  const keep = (readings: readonly Reading[]): Reading[] =>
    keptReadings(readings, KEPT_OF_ONE).map((reading) => {
      room -= reading.output.length;
      return room >= 0 ? reading : { ...reading, output: '[left out]' };
    });
  const kept = new Map<string, readonly Reading[]>();
  for (const { runbook, readings } of verdicts.toSorted((a, b) => rank(a) - rank(b))) {
    kept.set(runbook, keep(readings));
  }
  return verdicts.map((verdict) => ({ ...verdict, readings: kept.get(verdict.runbook) ?? [] }));
}

function rank({ verdict }: Pick<Verdict, 'verdict'>): number {
  return { confirmed: 0, inconclusive: 1, 'ruled-out': 2 }[verdict];
}
