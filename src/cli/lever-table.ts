/** How levers are shown to people, in 80 columns. */
import type { DeskLever } from '../guard/index.ts';
import { formatDuration, oneLine, printable, systemClock } from '../kernel/index.ts';
import type { Io } from './io.ts';
import { type Paint, painter } from './paint.ts';
import { wrap } from './wrap.ts';

const COLUMNS = 80;
const MAX_NAME = 44;

/** One line for a lever; below it who holds it, until when, and what is wrong with it. */
export function leverTable(levers: readonly DeskLever[], io: Io): string {
  const paint = painter(io);
  const longest = Math.max(...levers.map((lever) => lever.name.length), 4);
  const width = Math.min(longest, MAX_NAME) + 2;
  return `${levers.flatMap((lever) => rows(lever, width, paint)).join('\n')}\n`;
}

function rows(lever: DeskLever, width: number, paint: Paint): string[] {
  const { held, driven, notice } = lever;
  const drift =
    driven?.reads && driven.reads.value !== lever.value ? `, reads ${shown(driven.reads.value)}` : '';
  const name = oneLine(lever.name, width - 2).padEnd(width);
  const value = oneLine(`${shown(lever.value)}${drift}`, COLUMNS - width);
  const lines = [`${name}${held ? paint('bold', value) : value}`];
  const note = (text: string) => `  ${oneLine(text, COLUMNS - 2)}`;
  if (held) {
    if (driven?.state !== 'overdue') lines.push(paint('dim', note(returning(lever))));
    const incident = held.incident === null ? '' : ` (${held.incident})`;
    lines.push(paint('dim', note(`by ${held.actor} at ${timeOf(held.setAt)}: ${held.reason}${incident}`)));
  }
  for (const trouble of troubles(lever)) lines.push(paint('red', note(trouble)));
  if (notice)
    lines.push(
      ...wrap(`  ${printable(notice)}`, COLUMNS, '  ')
        .split('\n')
        .map((text) => paint('red', text)),
    );
  return lines;
}

/** What is wrong with a lever that commands move. */
function troubles({ base, driven }: DeskLever): readonly string[] {
  if (!driven) return [];
  const { state, failure } = driven;
  const why = failure === null ? [] : [`its command failed: ${failure}`];
  if (state === 'overdue') {
    return [`OVERDUE: its return${base === '' ? '' : ` to ${base}`} has failed, and is tried again`, ...why];
  }
  if (state === 'unknown') return ['UNKNOWN: it may or may not have been set', ...why];
  if (state === 'setting' || state === 'returning') return ['its command is running', ...why];
  return why;
}

/** `returns to off in 15 min, at 12:03:10`. */
export function returning({ base, inherits, held, driven }: DeskLever): string {
  const until = held?.until ?? 0;
  const time = `in ${formatDuration(Math.max(0, (until - systemClock.now()) / 1000))}, at ${timeOf(until)}`;
  if (inherits) return `returns to what counts for all tools (${shown(base)}) ${time}`;
  if (driven && base === '') return `returns by its command ${time}`;
  return `returns to ${shown(base)} ${time}`;
}

export function shown(value: string): string {
  return value === '' ? 'off' : value;
}

function timeOf(at: number): string {
  return new Date(at).toTimeString().slice(0, 8);
}
