/**
 * Every error a user can meet, in one table: its code, the process exit code and the HTTP status it
 * maps to, and what it means. `docs/errors.md` explains each; a test fails when it misses one.
 *
 * Exit codes: 1 the finding is bad, 2 wrong usage or bad input, 3 the tool itself failed.
 */
export const errorTable = {
  // input
  E_USAGE: { exit: 2, http: 400, meaning: 'The command line or request is not of the expected form.' },
  E_FILE_NOT_FOUND: { exit: 2, http: 404, meaning: 'The file does not exist.' },
  E_FILE_UNREADABLE: { exit: 2, http: 422, meaning: 'The file exists but cannot be read.' },
  E_FILE_BINARY: { exit: 2, http: 422, meaning: 'The file is not text.' },
  E_FILE_TOO_LARGE: { exit: 2, http: 413, meaning: 'The file or body is larger than the limit.' },
  E_BAD_VALUE: { exit: 2, http: 422, meaning: 'A value cannot be understood.' },
  E_NOT_FOUND: { exit: 2, http: 404, meaning: 'The named thing does not exist.' },
  E_METHOD: { exit: 2, http: 405, meaning: 'The address exists, and does not take this method.' },
  E_MEDIA_TYPE: { exit: 2, http: 415, meaning: 'The body is of a kind that is not taken.' },
  // network
  E_PORT_IN_USE: { exit: 3, http: 500, meaning: 'Another program already listens on the address.' },
  E_UNREACHABLE: { exit: 3, http: 502, meaning: 'The endpoint did not answer.' },
  E_BAD_RESPONSE: {
    exit: 3,
    http: 502,
    meaning: 'The endpoint answered something that cannot be understood.',
  },
  E_FORBIDDEN: { exit: 2, http: 403, meaning: 'The role is not enough for this.' },
  E_OVERLOADED: { exit: 3, http: 503, meaning: 'There is more to do than can be kept; try again later.' },
  E_UNAUTHORIZED: { exit: 2, http: 401, meaning: 'The token is missing or wrong.' },
  E_RATE_LIMITED: { exit: 3, http: 429, meaning: 'There were too many requests in a short time.' },
  E_HOST: { exit: 2, http: 421, meaning: 'The request was meant for another host.' },
  E_ORIGIN: { exit: 2, http: 403, meaning: 'The request comes from a page of another site.' },
  E_LOGIN: { exit: 2, http: 403, meaning: 'The log-in could not be completed.' },
  // metrics
  E_PROMQL_SYNTAX: { exit: 2, http: 422, meaning: 'The PromQL query does not parse.' },
  E_PROMQL_UNSUPPORTED: {
    exit: 2,
    http: 422,
    meaning: 'The built-in evaluator does not support this query.',
  },
  E_PROMQL_FAILED: { exit: 2, http: 422, meaning: 'The PromQL query parses but cannot be evaluated.' },
  E_PROMQL_TEST: { exit: 2, http: 422, meaning: 'A PromQL test file is not of the expected form.' },
  E_RULE_FILE: { exit: 2, http: 422, meaning: 'A rule file is not of the form that Prometheus expects.' },
  // the store
  E_STORE_UNUSABLE: { exit: 3, http: 500, meaning: 'The store cannot be opened, read or written.' },
  E_STORE_BUSY: { exit: 3, http: 503, meaning: 'Another program holds the store for too long.' },
  E_STORE_DOWN: { exit: 3, http: 503, meaning: "The store's database server does not answer." },
  E_STORE_UNKNOWN: {
    exit: 3,
    http: 503,
    meaning: 'The connection was lost during a commit: it is unknown whether it was kept.',
  },
  E_STORE_NEWER: { exit: 3, http: 500, meaning: 'A newer Allclear has written the store.' },
  // incidents and steps
  E_TRANSITION: { exit: 2, http: 409, meaning: 'The incident is not in a state that allows this.' },
  E_SNAPSHOT: { exit: 3, http: 500, meaning: 'A stored incident cannot be understood.' },
  E_LIMIT: { exit: 3, http: 507, meaning: 'A bound of the store or of the guard is reached.' },
  E_STEP_BUSY: { exit: 2, http: 409, meaning: 'Another program is running a step of this incident.' },
  E_STEP_UNDECIDED: { exit: 2, http: 409, meaning: 'An interrupted step waits for a decision.' },
  E_STEP_LATE: { exit: 3, http: 409, meaning: 'A step ended after it had been given up as unknown.' },
  E_APPROVAL_NEEDED: {
    exit: 2,
    http: 403,
    meaning: 'Somebody must approve this, and nobody was there to ask.',
  },
  E_APPROVAL_STALE: {
    exit: 2,
    http: 409,
    meaning: 'The step has changed since it was approved, or the approval has expired.',
  },
  // commands
  E_SHELL: {
    exit: 3,
    http: 500,
    meaning: 'bash, which runs the commands of runbooks, could not be started.',
  },
  E_COMMAND_MISSING: { exit: 3, http: 500, meaning: 'A command of the runbook does not exist here.' },
  E_COMMAND_FAILED: {
    exit: 3,
    http: 500,
    meaning: 'A command of the runbook failed before it could tell anything.',
  },
  E_SANDBOX: { exit: 3, http: 500, meaning: 'The sandbox keeps the check from telling anything.' },
  E_CONDITION: { exit: 2, http: 422, meaning: 'The condition of a check is not valid.' },
  E_RUNBOOK: { exit: 2, http: 422, meaning: 'A part of the runbook cannot be read; the rest is used.' },
  // the guard
  E_CONFIG_FILE: {
    exit: 2,
    http: 422,
    meaning: 'A configuration file is not of the expected form.',
  },
  E_LEVER_FAILED: { exit: 3, http: 502, meaning: 'The command that moves the lever failed.' },
  E_LEVER_UNKNOWN: {
    exit: 3,
    http: 504,
    meaning: 'It is unknown whether the command moved the lever.',
  },
  // the lab
  E_CHILD_ENDED: { exit: 3, http: 500, meaning: 'A process that Allclear had started ended by itself.' },
  // the tool
  E_TIMEOUT: { exit: 3, http: 504, meaning: 'It took longer than the limit.' },
  E_CANCELLED: { exit: 3, http: 499, meaning: 'It was stopped before it finished.' },
  E_INTERNAL: { exit: 3, http: 500, meaning: 'Allclear itself failed; this is a bug.' },
} as const satisfies Record<string, ErrorKind>;

/** One row of the table. */
interface ErrorKind {
  exit: 1 | 2 | 3;
  http: number;
  meaning: string;
}

export type ErrorCode = keyof typeof errorTable;

/** What an error says: what happened, where, why, and what to do next. */
export interface ErrorDetails {
  /** What happened, in one sentence without a full stop. */
  what: string;
  /** What to do next, in one sentence. */
  next?: string;
  /** The file it is about. */
  file?: string;
  /** The line in that file, from 1. */
  line?: number;
  /** Seconds after which it may go better; HTTP says it as `Retry-After`. */
  retryAfterSeconds?: number;
  /** The underlying error, for the record. */
  cause?: unknown;
}

/** The only error class that Allclear throws on purpose. Anything else that escapes is a bug. */
export class AllclearError extends Error {
  override readonly name = 'AllclearError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails) {
    const place =
      details.file === undefined
        ? ''
        : `${details.file}${details.line === undefined ? '' : `:${details.line}`}: `;
    super(`${place}${details.what}`, { cause: details.cause });
    this.code = code;
    this.details = details;
  }

  get exitCode(): number {
    return errorTable[this.code].exit;
  }

  get httpStatus(): number {
    return errorTable[this.code].http;
  }
}

/** The error as any caller can show it: an abort is `E_CANCELLED`, an unexpected one `E_INTERNAL` with its cause kept. */
export function toAllclearError(error: unknown): AllclearError {
  if (error instanceof AllclearError) return error;
  if (error instanceof Error && error.name === 'AbortError') {
    return new AllclearError('E_CANCELLED', { what: error.message, cause: error });
  }
  const what = error instanceof Error ? error.message : String(error);
  return new AllclearError('E_INTERNAL', {
    what,
    next: 'Please report this with the command that caused it.',
    cause: error,
  });
}

/** The system's error code (`ENOENT`, `EADDRINUSE` …) of a Node error, if it has one. */
export function systemCode(error: unknown): string | undefined {
  // No `instanceof`: an error of another context (node:vm) is none of our Error.
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
