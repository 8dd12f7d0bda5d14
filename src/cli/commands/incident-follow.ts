/** `allclear incidents follow`: a time line as it grows; a connection that breaks is taken up where it was. */
import type { ToldEvent } from '../../app/api-client.ts';
import { type IncidentDesk, wholeId } from '../../app/incident-desk.ts';
import { withIncidentDesk } from '../../app/open-incident-desk.ts';
import { AllclearError, systemClock } from '../../kernel/index.ts';
import { eventLine } from '../incident-view.ts';
import type { Io } from '../io.ts';
import { painter } from '../paint.ts';
import type { RemoteOptions } from './incident-action.ts';

export interface FollowOptions extends RemoteOptions {
  readonly after?: string;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
/** What passes by itself: the server is restarted, overloaded, or its store is busy. */
const PASSING = new Set([
  'E_UNREACHABLE',
  'E_OVERLOADED',
  'E_RATE_LIMITED',
  'E_STORE_BUSY',
  'E_STORE_UNUSABLE',
]);

/** Ends with 0 when the incident is closed, or at Ctrl-C. */
export async function incidentFollowCommand(given: string, options: FollowOptions, io: Io): Promise<number> {
  const paint = painter(io);
  const after = afterOf(options.after ?? '0');
  const show = (event: ToldEvent) =>
    io.out(options.json ? `${JSON.stringify(event)}\n` : `${eventLine(event, paint)}\n`);
  await withIncidentDesk({ ...io, server: options.server }, async (desk) => {
    const id = await wholeId(desk, given);
    // Whoever is not there at all is told at once; only a stream that was open is taken up again.
    const { open, seq } = await desk.view(id);
    await follow(desk, { id, after, end: open ? null : seq, show }, io);
  });
  return 0;
}

interface Followed {
  readonly id: string;
  readonly after: number;
  /** The last event there will be; null when more may come. */
  readonly end: number | null;
  readonly show: (event: ToldEvent) => void;
}

async function follow(desk: IncidentDesk, { id, after, end, show }: Followed, io: Io): Promise<void> {
  let seen = after;
  let pause = FIRST_PAUSE_MS;
  const over = () => io.signal.aborted || (end !== null && seen >= end);
  while (!over()) {
    try {
      for await (const event of desk.follow(id, seen)) {
        pause = FIRST_PAUSE_MS;
        // After a new connection the same event may come twice.
        if (event.seq <= seen) continue;
        seen = event.seq;
        show(event);
        if (event.kind === 'closed' || event.seq === end) return;
      }
    } catch (error) {
      if (io.signal.aborted) return;
      if (!(error instanceof AllclearError) || !PASSING.has(error.code)) throw error;
      io.err(`${painter(io)('dim', `(${error.details.what}; trying again)`)}\n`);
    }
    await systemClock.sleep(pause, io.signal).catch(() => {});
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
}

function afterOf(text: string): number {
  const after = Number(text);
  if (Number.isSafeInteger(after) && after >= 0) return after;
  throw new AllclearError('E_USAGE', {
    what: `--after cannot be "${text.slice(0, 40)}"`,
    next: 'It takes the number of an event, from 0.',
  });
}
