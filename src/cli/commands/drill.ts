/** `allclear drill`: injects a real failure into a lab and shows whether its runbook cures it. */
import { runDrill, runUntreated } from '../../app/drill.ts';
import { AllclearError, parseDuration } from '../../kernel/index.ts';
import { printDrill, printUntreated } from '../drill-summary.ts';
import { DrillView } from '../drill-view.ts';
import type { Io } from '../io.ts';

export interface DrillCommandOptions {
  readonly clients?: string;
  readonly initializeCost?: string;
  readonly guard?: boolean;
  readonly observe?: string;
  readonly practice?: boolean;
  readonly keep?: boolean;
  readonly listen?: string;
  readonly admin?: string;
  readonly json?: boolean;
}

/** @returns 0 when the runbook is proven (or the untreated failure was watched), 1 when it falls short */
export async function drillCommand(failure: string, options: DrillCommandOptions, io: Io): Promise<number> {
  if (options.guard === false && options.practice) {
    throw new AllclearError('E_USAGE', {
      what: '--practice needs the guard: its levers are what you practise with',
      next: 'Leave out --no-guard.',
    });
  }
  const observeSeconds = observation(options);
  const live =
    io.colour && !options.json ? (await import('log-update')).createLogUpdate(process.stderr) : null;
  const view = new DrillView(io, live, () => performance.now());
  const request = {
    failure,
    clients: options.clients === undefined ? null : wholeNumber('--clients', options.clients, 1, 5000),
    settings: { initializeCostMs: initializeCost(failure, options) },
    ...(options.listen !== undefined && { listen: options.listen }),
    ...(options.admin !== undefined && { admin: options.admin }),
    keep: options.keep ?? false,
    practice: options.practice ?? false,
    env: io.env,
    cwd: io.cwd,
    signal: io.signal,
    onEvent: (event: Parameters<DrillView['show']>[0]) => view.show(event),
  };
  try {
    if (options.guard === false) {
      const result = await runUntreated({ ...request, observeSeconds });
      view.end();
      printUntreated(result, io, options.json ?? false);
      return 0;
    }
    const outcome = await runDrill({
      ...request,
      onResult: (result) => {
        view.end();
        printDrill(result, io, options.json ?? false);
      },
    });
    return outcome && outcome.shortcomings.length > 0 ? 1 : 0;
  } finally {
    view.end();
  }
}

/** Seconds: long enough to see clients come and go, at most an hour. */
function observation({ guard, observe }: DrillCommandOptions): number {
  const seconds = observe === undefined ? 60 : parseDuration(observe);
  if (observe !== undefined && guard !== false) {
    throw new AllclearError('E_USAGE', {
      what: '--observe is about the failure that nobody treats',
      next: 'Add --no-guard.',
    });
  }
  if (seconds !== undefined && seconds >= 10 && seconds <= 3600) return seconds;
  throw new AllclearError('E_USAGE', {
    what: `--observe cannot be "${observe}"`,
    next: 'Give a time from 10s to 1h, for example --observe 2m.',
  });
}

function initializeCost(failure: string, { initializeCost: given }: DrillCommandOptions): number {
  if (given !== undefined && failure !== 'session-storm') {
    throw new AllclearError('E_USAGE', {
      what: `--initialize-cost means nothing to the drill ${failure}`,
      next: 'It belongs to: allclear drill session-storm',
    });
  }
  return wholeNumber('--initialize-cost', given ?? '10', 0, 1000);
}

function wholeNumber(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new AllclearError('E_USAGE', {
    what: `${option} cannot be "${text}"`,
    next: `Give a whole number from ${min} to ${max}.`,
  });
}
