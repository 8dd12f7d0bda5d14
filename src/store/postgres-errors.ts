/** PostgreSQL's errors as ours. SQLSTATE codes: https://www.postgresql.org/docs/current/errcodes-appendix.html */
import { AllclearError, type ErrorCode, systemCode } from '../kernel/index.ts';
import type { Place } from './postgres-place.ts';

type Problem = readonly [code: ErrorCode, what: string, next: string];

const LATER =
  'Look at the server; what was acknowledged is kept, and the store is used again when it answers.';
const RESTRICTED = 'Ask for the right to create tables in a schema of its own, and to read and write them.';

/** By SQLSTATE, or its class (the first two characters). */
const PROBLEMS: Readonly<Record<string, Problem>> = {
  '28': [
    'E_STORE_UNUSABLE',
    'PostgreSQL does not let this user in',
    'Check user and password in ALLCLEAR_STORE, and pg_hba.conf.',
  ],
  '3D000': [
    'E_STORE_UNUSABLE',
    'there is no such database',
    "Create it: createdb --encoding=UTF8 NAME, or correct the URL's last part.",
  ],
  '42501': ['E_STORE_UNUSABLE', 'this user may not do that in the database', RESTRICTED],
  '25006': [
    'E_STORE_UNUSABLE',
    'the server is read-only',
    'Give the address of the primary; a standby cannot keep incidents.',
  ],
  '53100': [
    'E_STORE_UNUSABLE',
    "the server's disk is full",
    'Free some space; nothing acknowledged is lost.',
  ],
  '53300': [
    'E_STORE_DOWN',
    'the server has no connection left',
    'Raise max_connections, or run fewer processes (each takes at most 9).',
  ],
  '57P': ['E_STORE_DOWN', 'the server is starting or stopping', LATER],
  '08': ['E_STORE_DOWN', 'the connection to the server is lost', LATER],
  '40': ['E_STORE_BUSY', 'other transactions were in the way each time', 'Try again.'],
  '55P03': [
    'E_STORE_BUSY',
    'another program holds the same row',
    'Try again; if it stays, look at pg_locks.',
  ],
  '57014': ['E_STORE_BUSY', 'the statement took too long', 'Try again; if it stays, look at pg_locks.'],
  '23505': ['E_STORE_BUSY', 'another transaction made the same thing', 'Try again.'],
};

/** What is wrong with the store, by SQLSTATE or the system's code; other errors as they are. */
export function postgresError(error: unknown, place: Place): unknown {
  if (error instanceof AllclearError) return error;
  const state = sqlState(error);
  if (state === undefined && isLost(error)) {
    const why = systemCode(error) ?? (error as Error).message;
    return coded(['E_STORE_DOWN', `PostgreSQL does not answer (${why})`, LATER], error, place);
  }
  // A duplicate is the caller's to name; `write` has tried again before it gives up.
  if (state === undefined || state === '23505') return error;
  const problem = PROBLEMS[state] ?? PROBLEMS[state.slice(0, 3)] ?? PROBLEMS[state.slice(0, 2)];
  return problem ? coded(problem, error, place) : error;
}

/** Why no connection could be made: nothing is left uncoded, and the password is never repeated. */
export function connectError(error: unknown, place: Place): unknown {
  const known = postgresError(error, place);
  if (known !== error) return known;
  const why = error instanceof Error ? error.message : String(error);
  return coded(
    ['E_STORE_UNUSABLE', `PostgreSQL cannot be used (${why})`, 'Check the URL in ALLCLEAR_STORE.'],
    error,
    place,
  );
}

/** True when doing the whole transaction again may succeed: nothing of it was kept. */
export function mayTryAgain(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40001' || state === '40P01' || state === '23505';
}

/** True when the connection is gone, so that an answer that was on its way never came. */
export function isLost(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== undefined) return state.startsWith('57P') || state.startsWith('08');
  const code = systemCode(error);
  if (code !== undefined && /^E[A-Z]+$/.test(code)) return true;
  const said = error instanceof Error ? error.message : '';
  return /connection (terminated|ended)|timeout|not queryable|Connection terminated/i.test(said);
}

/** Of the error, or of what it was made from. */
export function sqlState(error: unknown): string | undefined {
  if (error instanceof AllclearError) return sqlState(error.details.cause);
  const code = systemCode(error);
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) && /\d/.test(code) ? code : undefined;
}

function coded([code, what, next]: Problem, cause: unknown, place: Place): AllclearError {
  return new AllclearError(code, { what, next, file: place.shown, cause });
}
