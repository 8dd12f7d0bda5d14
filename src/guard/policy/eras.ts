/**
 * What an upstream speaks, and what an answer tells of it. Nothing is asked that no client asked: a request
 * that was rejected for its era was not executed, so it may be tried elsewhere, and the rejection is remembered.
 *
 * Sources: the versioning and transport pages of MCP 2025-11-25 and 2026-07-28, and what servers in the field say.
 */
import type { Clock } from '../../kernel/index.ts';
import { isKnownVersion } from './labels.ts';
import { type Message, STATELESS_SINCE } from './message.ts';

/**
 * `newer`: the stateless era, from 2026-07-28 on. `older`: `initialize`. `sessionless`: the older era
 * without session ids, as servers speak it that keep no state.
 */
export type Speech = 'newer' | 'older' | 'sessionless';

export type Known = 'yes' | 'no' | 'unknown';

/** A fact is learned anew after so long, or when the upstream may have been restarted. */
const LIFE_MS = 60_000;

interface Fact {
  readonly speaks: boolean;
  /** The upstream's `boot` when it was learned. */
  readonly boot: number;
  /** Monotonic ms. */
  readonly until: number;
}

/** What is known of one upstream. */
export class EraKnowledge {
  readonly #clock: Clock;
  readonly #facts = new Map<Speech, Fact>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  learn(speech: Speech, speaks: boolean, boot: number): void {
    this.#facts.set(speech, { speaks, boot, until: this.#clock.monotonic() + LIFE_MS });
  }

  knows(speech: Speech, boot: number): Known {
    const fact = this.#facts.get(speech);
    if (fact?.boot !== boot || fact.until <= this.#clock.monotonic()) return 'unknown';
    return fact.speaks ? 'yes' : 'no';
  }

  /** True when it spoke so the last time that anything was learned, however long ago. */
  spoke(speech: Speech): boolean {
    return this.#facts.get(speech)?.speaks === true;
  }
}

/**
 * Whether a request is as every client of its era sends it. A rejection then tells of the server; that of an
 * odd request tells of the request, and whoever sends such ones must not make others be sent elsewhere.
 * @param versionHeader MCP-Protocol-Version
 * @param methodHeader Mcp-Method
 */
export function isRegular(
  message: Message,
  versionHeader: string | undefined,
  methodHeader: string | undefined,
): boolean {
  const { method, version } = message;
  if (method === '' || method === 'batch') return false;
  if (isNewer(version))
    return versionHeader === version && methodHeader === method && method !== 'initialize';
  return version === '' && !isNewer(versionHeader) && isKnownVersion(versionHeader ?? '');
}

/**
 * What an answer says of its upstream. `learned` is left out where it says nothing; `rejected` means that
 * the request was not executed, and that another upstream may take it.
 */
export interface Judgement {
  readonly rejected: boolean;
  readonly learned?: boolean;
}

const TAKEN: Judgement = { rejected: false, learned: true };
const REJECTED: Judgement = { rejected: true, learned: false };
const SAYS_NOTHING: Judgement = { rejected: false };

/** Statuses with which servers reject what they do not speak. Others speak of rights, sizes or load. */
const REJECTING = new Set([400, 404, 405]);

/** The newer era's first question, on which clients decide which era they speak. */
export const DISCOVER = 'server/discover';
const INTERNAL_ERROR = -32_603;
const METHOD_NOT_FOUND = -32_601;
const INVALID_PARAMS = -32_602;
const INVALID_REQUEST = -32_600;
const SERVER_ERROR = -32_000;
const HEADER_MISMATCH = -32_020;
const MISSING_CAPABILITY = -32_021;
const UNSUPPORTED_VERSION = -32_022;

/** Whether an answer with this status must be read before it is known what it tells. */
export function isTelling(speech: Speech, method: string, status: number): boolean {
  if (speech === 'newer' && method === DISCOVER && status === 200) return true;
  return speech === 'sessionless' ? status === 400 : REJECTING.has(status);
}

/**
 * Judges an answer that is telling.
 * @param answer the parsed JSON-RPC answer; undefined when it is none
 */
export function judge(speech: Speech, method: string, status: number, answer: unknown): Judgement {
  if (speech === 'newer') return status === 200 ? judgeDiscovery(answer) : judgeNewer(method, answer);
  const code = codeOf(answer);
  if (speech === 'sessionless') {
    // "Missing session id", "not initialized": the SDKs say so with these codes.
    const about = code === SERVER_ERROR || code === INVALID_REQUEST || code === UNSUPPORTED_VERSION;
    return about ? REJECTED : SAYS_NOTHING;
  }
  if (code === METHOD_NOT_FOUND) return REJECTED;
  return code === UNSUPPORTED_VERSION && versionsOf(answer).every(isNewer) ? REJECTED : SAYS_NOTHING;
}

/** `server/discover` answered with 200. It may be repeated anywhere, whatever was wrong with it. */
function judgeDiscovery(answer: unknown): Judgement {
  const versions = field(field(answer, 'result'), 'supportedVersions');
  if (Array.isArray(versions)) return versions.some(isNewer) ? TAKEN : REJECTED;
  if (codeOf(answer) === INTERNAL_ERROR) return { rejected: true };
  return answer === undefined ? SAYS_NOTHING : REJECTED;
}

/** A rejecting status: only the errors of the newer era itself come from a server that speaks it. */
function judgeNewer(method: string, answer: unknown): Judgement {
  const code = codeOf(answer);
  if (code === HEADER_MISMATCH || code === MISSING_CAPABILITY) return TAKEN;
  if (code === UNSUPPORTED_VERSION) return versionsOf(answer).some(isNewer) ? TAKEN : REJECTED;
  // A newer server says so of a bad `_meta`, and of a method that it does not have, which discover never is.
  if (code === INVALID_PARAMS || (code === METHOD_NOT_FOUND && method !== DISCOVER)) return SAYS_NOTHING;
  return REJECTED;
}

function codeOf(answer: unknown): unknown {
  return field(field(answer, 'error'), 'code');
}

function versionsOf(answer: unknown): readonly unknown[] {
  const supported = field(field(field(answer, 'error'), 'data'), 'supported');
  return Array.isArray(supported) ? supported : [];
}

function isNewer(version: unknown): boolean {
  return typeof version === 'string' && version >= STATELESS_SINCE;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
