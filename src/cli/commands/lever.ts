/** `allclear lever`: see and move the live controls of a running guard. */
import { userInfo } from 'node:os';
import { type DeskLever, GuardLevers } from '../../guard/index.ts';
import { AllclearError, oneLine, parseDuration, printable } from '../../kernel/index.ts';
import type { Io } from '../io.ts';
import { leverTable, returning, shown } from '../lever-table.ts';

export interface LeverOptions {
  readonly guard?: string;
  readonly actor?: string;
  readonly json?: boolean;
}

export interface LeverSetOptions extends LeverOptions {
  readonly ttl?: string;
  readonly reason?: string;
  /** Not given back when the incident that it is set for is over. */
  readonly outlastIncident?: boolean;
}

/** `allclear lever`: lists all levers, their values, and who holds them. */
export async function leverListCommand(options: LeverOptions, io: Io): Promise<number> {
  const levers = await connect(options, io).list();
  io.out(options.json ? `${JSON.stringify(levers, null, 2)}\n` : leverTable(levers, io));
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
  const incident = options.outlastIncident ? null : io.env['ALLCLEAR_INCIDENT'] || null;
  const reason = options.reason?.trim() || (incident === null ? 'set by hand' : `remediation of ${incident}`);
  const done: DeskLever[] = [];
  for (const [name, value] of wanted) {
    const before = await guard.get(name);
    const lever = await guard.set(name, value, { ttlSeconds, reason, actor, incident });
    done.push(lever);
    if (options.json) continue;
    const change = `${lever.name}  ${shown(before.value)} → ${shown(lever.value)}`;
    const lines = [change, `  ${returning(lever)}`, ...(lever.notice ? [`  ${lever.notice}`] : [])];
    io.out(`${lines.map(printable).join('\n')}\n`);
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
  const done: DeskLever[] = [];
  for (const name of names) {
    const { value: from, held } = await guard.get(name);
    const lever = await guard.reset(name, actorOf(options, io));
    done.push(lever);
    if (options.json) continue;
    const change = held === null ? `was ${shown(from)} already` : `${shown(from)} → ${shown(lever.value)}`;
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
