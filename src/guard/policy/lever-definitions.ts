/** The levers of the guard: their names, the values each accepts, and what they are when unset. */
import { AllclearError } from '../../kernel/index.ts';
import { parseUpstreams } from './upstream-urls.ts';

/** What is known of a lever, built-in or of one's own. */
export interface LeverDefinition {
  /** One sentence for people: what it does, with its unit. */
  readonly meaning: string;
  /** The value when nobody says anything; '' is off. */
  readonly unset: string;
  /** It can also be set for one tool: `TOOL_TIMEOUT_SECONDS[search]`. */
  readonly perTool?: true;
  /** Normalizes a value ('' for off). Throws `E_BAD_VALUE`. */
  readonly parse: (text: string) => string;
}

export const leverDefinitions = {
  MAX_INIT_PER_SECOND: {
    meaning:
      'initialize requests let through per second, in all; auto: what the servers manage; empty or 0: no limit',
    unset: '',
    parse: (text) =>
      text.trim() === 'auto' ? 'auto' : offOr(number('MAX_INIT_PER_SECOND', text, 100_000, 'auto, or ')),
  },
  INIT_QUEUE_SECONDS: {
    meaning: 'seconds an initialize may wait for its turn before it is refused',
    unset: '4',
    parse: (text) => (text.trim() === '' ? '4' : number('INIT_QUEUE_SECONDS', text, 600)),
  },
  MAX_SESSIONS: {
    meaning: 'sessions at most; further ones are refused; empty or 0: no limit',
    unset: '',
    parse: (text) => offOr(whole('MAX_SESSIONS', text, 10_000_000)),
  },
  RECONNECT_JITTER_SECONDS: {
    meaning: 'seconds over which clients are told to spread their reconnection; empty or 0: off',
    unset: '',
    parse: (text) => offOr(number('RECONNECT_JITTER_SECONDS', text, 3600)),
  },
  TOKEN_REFRESH_COALESCE: {
    meaning: 'on: concurrent refreshes with the same refresh token become one; off: each goes its own way',
    unset: 'on',
    parse: (text) => oneOf('TOKEN_REFRESH_COALESCE', text, ['on', 'off'], 'on'),
  },
  TOKEN_REFRESH_GRACE_SECONDS: {
    meaning:
      'seconds for which the answer to a refresh is given again to the same refresh token; empty or 0: off',
    unset: '',
    parse: (text) => offOr(number('TOKEN_REFRESH_GRACE_SECONDS', text, 60)),
  },
  MAX_TOKEN_REFRESH_PER_SECOND: {
    meaning: 'token refreshes let through per second; the rest wait, then are refused; empty or 0: no limit',
    unset: '',
    parse: (text) => offOr(number('MAX_TOKEN_REFRESH_PER_SECOND', text, 100_000)),
  },
  TOOL_TIMEOUT_SECONDS: {
    meaning: 'seconds a tool call may take before it is cancelled and answered; empty or 0: no limit',
    unset: '',
    perTool: true,
    parse: (text) => offOr(number('TOOL_TIMEOUT_SECONDS', text, 86_400)),
  },
  TOOL_MAX_CONCURRENCY: {
    meaning: 'calls of one tool in progress at most; further ones are refused; empty or 0: no limit',
    unset: '',
    perTool: true,
    parse: (text) => offOr(whole('TOOL_MAX_CONCURRENCY', text, 1_000_000)),
  },
  TOOL_RETRY_BUDGET: {
    meaning: 'retries let through per first call (0.1: one for ten; 0: none); empty or off: no limit',
    unset: '',
    perTool: true,
    parse: (text) => (/^(off|)$/.test(text.trim()) ? '' : number('TOOL_RETRY_BUDGET', text, 100)),
  },
  TOOL_BREAKER: {
    meaning: 'auto: opens when most calls of a tool break or time out; open: refuse all; closed: never opens',
    unset: 'auto',
    perTool: true,
    parse: (text) => oneOf('TOOL_BREAKER', text, ['auto', 'open', 'closed'], 'auto'),
  },
  UPSTREAMS: {
    meaning: 'URLs of the servers behind the guard, separated by commas',
    unset: '',
    parse: (text) => parseUpstreams(text).join(','),
  },
} as const satisfies Record<string, LeverDefinition>;

/** The name of a built-in lever. */
export type LeverName = keyof typeof leverDefinitions;

export const leverNames = Object.keys(leverDefinitions) as readonly LeverName[];

export function isLeverName(text: string): text is LeverName {
  return Object.hasOwn(leverDefinitions, text);
}

/**
 * A value as the number that `mcp_lever` shows: 0 is off, -1 `auto`; `on` and `open` are 1, `closed` is 0.
 * An absent retry budget is +Inf, because its 0 lets no retry through. Null for what is no number (UPSTREAMS).
 */
export function leverNumber(name: string, value: string): number | null {
  if (value === '') return name === 'TOOL_RETRY_BUDGET' ? Number.POSITIVE_INFINITY : 0;
  const words: Readonly<Record<string, number>> = { auto: -1, on: 1, off: 0, open: 1, closed: 0 };
  if (Object.hasOwn(words, value)) return words[value]!;
  const amount = Number(value);
  return Number.isNaN(amount) ? null : amount;
}

function oneOf(name: string, text: string, words: readonly string[], unset: string): string {
  const word = text.trim();
  if (word === '') return unset;
  if (words.includes(word)) return word;
  throw badValue(name, text, words.join(' or '));
}

function offOr(value: string): string {
  return value === '0' ? '' : value;
}

/** @param besides what else the lever takes, for the message */
function number(name: string, text: string, most: number, besides = ''): string {
  const trimmed = text.trim();
  const value = trimmed === '' || trimmed === 'off' ? 0 : Number(trimmed);
  if (!/^(\d+(\.\d+)?|off|)$/.test(trimmed) || !Number.isFinite(value) || value > most) {
    throw badValue(name, text, `${besides}a number from 0 to ${most} (0, off or empty: off)`);
  }
  return String(value);
}

function whole(name: string, text: string, most: number): string {
  const value = number(name, text, most);
  if (!/^\d+$/.test(value)) throw badValue(name, text, `a whole number from 0 to ${most}`);
  return value;
}

/** `E_BAD_VALUE` for a value that a lever does not take. */
export function badValue(name: string, text: string, accepted: string): AllclearError {
  return new AllclearError('E_BAD_VALUE', {
    what: `${name} cannot be "${text.slice(0, 100)}"`,
    next: `It takes ${accepted}.`,
  });
}
