/** The levers of the guard: their names, the values each accepts, and what they are when unset. */
import { AllclearError } from '../../kernel/index.ts';
import { parseUpstreams } from './upstreams.ts';

interface LeverDefinition {
  /** One sentence for people: what it does, with its unit. */
  readonly meaning: string;
  /** The value when the environment says nothing; '' is off. */
  readonly unset: string;
  /** Normalizes a value ('' for off). Throws `E_BAD_VALUE`. */
  readonly parse: (text: string) => string;
}

export const leverDefinitions = {
  MAX_INIT_PER_SECOND: {
    meaning: 'initialize requests let through per second, in all; empty or 0: no limit',
    unset: '',
    parse: (text) => offOr(number('MAX_INIT_PER_SECOND', text, 100_000)),
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
  UPSTREAMS: {
    meaning: 'URLs of the servers behind the guard, separated by commas',
    unset: '',
    parse: (text) => parseUpstreams(text).join(','),
  },
} as const satisfies Record<string, LeverDefinition>;

export type LeverName = keyof typeof leverDefinitions;

export const leverNames = Object.keys(leverDefinitions) as readonly LeverName[];

/** The lever's name as given. @throws AllclearError `E_NOT_FOUND` */
export function leverName(text: string): LeverName {
  if (Object.hasOwn(leverDefinitions, text)) return text as LeverName;
  throw new AllclearError('E_NOT_FOUND', {
    what: `there is no lever "${text.slice(0, 100)}"`,
    next: `The levers are ${leverNames.join(', ')}.`,
  });
}

/** The values in force, as numbers: 0 is off. */
export interface LeverValues {
  readonly maxInitPerSecond: number;
  readonly initQueueSeconds: number;
  readonly maxSessions: number;
  readonly reconnectJitterSeconds: number;
}

function offOr(value: string): string {
  return value === '0' ? '' : value;
}

function number(name: string, text: string, most: number): string {
  const trimmed = text.trim();
  const value = trimmed === '' || trimmed === 'off' ? 0 : Number(trimmed);
  if (!/^(\d+(\.\d+)?|off|)$/.test(trimmed) || !Number.isFinite(value) || value > most) {
    throw badValue(name, text, `a number from 0 to ${most} (0, off or empty: off)`);
  }
  return String(value);
}

function whole(name: string, text: string, most: number): string {
  const value = number(name, text, most);
  if (!/^\d+$/.test(value)) throw badValue(name, text, `a whole number from 0 to ${most}`);
  return value;
}

function badValue(name: string, text: string, accepted: string): AllclearError {
  return new AllclearError('E_BAD_VALUE', {
    what: `${name} cannot be "${text.slice(0, 100)}"`,
    next: `It takes ${accepted}.`,
  });
}
