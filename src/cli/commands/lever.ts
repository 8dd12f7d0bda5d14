/** `allclear lever`: see and move the live controls of a running guard. */
import { userInfo } from 'node:os';
import { GuardLevers, type LeverState } from '../../guard/index.ts';
import {
  AllclearError,
  formatDuration,
  oneLine,
  parseDuration,
  printable,
  systemClock,
} from '../../kernel/index.ts';
import type { Io } from '../io.ts';
import { painter } from '../paint.ts';

export interface LeverOptions {
  readonly guard?: string;
  readonly actor?: string;
  readonly json?: boolean;
}

export interface LeverSetOptions extends LeverOptions {
  readonly ttl?: string;
  readonly reason?: string;
}

/** `allclear lever`: lists all levers, their values, and who holds them. */
export async function leverListCommand(options: LeverOptions, io: Io): Promise<number> {
  const levers = await connect(options, io).list();
  io.out(options.json ? `${JSON.stringify(levers, null, 2)}\n` : table(levers, io));
  return 0;
}

/** `allclear lever set NAME=VALUE… | NAME VALUE`: moves levers, for a time. */
export async function leverSetCommand(
  words: readonly string[],
  options: LeverSetOptions,
  io: Io,
): Promise<number> {
  const guard = connect(options, io);
  const wanted = assignments(words);
  const ttlSeconds = ttlOf(options.ttl ?? '15m');
  const actor = actorOf(options, io);
  const incident = io.env['ALLCLEAR_INCIDENT'] || null;
  const reason = options.reason?.trim() || (incident === null ? 'set by hand' : `remediation of ${incident}`);
  const before = new Map((await guard.list()).map((lever) => [lever.name, lever.value]));
  const done: LeverState[] = [];
  for (const [name, value] of wanted) {
    const lever = await guard.set(name, value, { ttlSeconds, reason, actor, incident });
    done.push(lever);
    if (options.json) continue;
    const change = `${lever.name}  ${shown(before.get(lever.name) ?? '')} → ${shown(lever.value)}`;
    io.out(`${printable(change)}\n  returns to ${printable(shown(lever.base))} ${when(lever.held!.until)}\n`);
  }
  if (options.json) io.out(`${JSON.stringify(done, null, 2)}\n`);
  return 0;
}

/** `allclear lever reset NAME…`: gives levers back to their base at once. */
export async function leverResetCommand(
  names: readonly string[],
  options: LeverOptions,
  io: Io,
): Promise<number> {
  const guard = connect(options, io);
  const before = new Map((await guard.list()).map((lever) => [lever.name, lever.value]));
  const done: LeverState[] = [];
  for (const name of names) {
    const lever = await guard.reset(name, actorOf(options, io));
    done.push(lever);
    if (options.json) continue;
    const from = before.get(lever.name) ?? '';
    const change =
      from === lever.value ? `was ${shown(from)} already` : `${shown(from)} → ${shown(lever.value)}`;
    io.out(`${printable(`${lever.name}  ${change}`)}\n`);
  }
  if (options.json) io.out(`${JSON.stringify(done, null, 2)}\n`);
  return 0;
}

function connect(options: LeverOptions, io: Io): GuardLevers {
  const url = options.guard ?? (io.env['ALLCLEAR_GUARD_URL'] || 'http://127.0.0.1:9090');
  return new GuardLevers(url, io.env['ALLCLEAR_GUARD_TOKEN'] ?? '');
}

function actorOf(options: LeverOptions, io: Io): string {
  return options.actor || io.env['ALLCLEAR_ACTOR'] || userName() || 'unknown';
}

/** '' where the system knows no user name, as in some containers. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}

function ttlOf(text: string): number {
  const seconds = parseDuration(text);
  if (seconds !== undefined) return seconds;
  throw new AllclearError('E_BAD_VALUE', {
    what: `--ttl cannot be "${oneLine(text, 60)}"`,
    next: 'It takes a duration up to 24h, for example 90s, 15m or 2h.',
  });
}

/** `A=1 B=2`, or `A 1`. */
function assignments(words: readonly string[]): readonly (readonly [string, string])[] {
  if (words.length === 2 && !/^[^[]*=|\]=/.test(words[0]!)) return [[words[0]!, words[1]!]];
  return words.map((word) => {
    // A tool's name may hold "=" itself: then the one after the closing bracket counts.
    const [, name, value] = /^([^=[]+(?:\[.*\])?)=(.*)$/s.exec(word) ?? [];
    if (name !== undefined) return [name, value!] as const;
    throw new AllclearError('E_USAGE', {
      what: `"${oneLine(word, 60)}" is not NAME=VALUE`,
      next: 'For example: allclear lever set MAX_INIT_PER_SECOND=50 --ttl 15m --reason "session storm"',
    });
  });
}

function shown(value: string): string {
  return value === '' ? 'off' : value;
}

function when(until: number): string {
  const time = new Date(until).toTimeString().slice(0, 8);
  return `in ${formatDuration(Math.max(0, (until - systemClock.now()) / 1000))}, at ${time}`;
}

/** Two lines for a held lever, one for the others; at most 80 columns. */
function table(levers: readonly LeverState[], io: Io): string {
  const paint = painter(io);
  const width = Math.max(...levers.map((lever) => lever.name.length), 4) + 2;
  const lines = levers.flatMap((lever) => {
    const value = oneLine(shown(lever.value), 80 - width);
    const name = printable(lever.name).padEnd(width);
    if (!lever.held) return [`${name}${value}`];
    const { actor, reason, until } = lever.held;
    const back = oneLine(`returns to ${shown(lever.base)} ${when(until)}`, 78);
    const who = oneLine(`by ${actor}: ${reason}`, 78);
    return [`${name}${paint('bold', value)}`, paint('dim', `  ${back}`), paint('dim', `  ${who}`)];
  });
  return `${lines.join('\n')}\n`;
}
