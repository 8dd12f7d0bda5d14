/** How many requests one person, program or address may send. Counted in memory, per process, for a bounded number of them. */
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Actor } from '../../engine/index.ts';
import { AllclearError } from '../../kernel/index.ts';

/** Requests a minute. */
export interface RequestLimits {
  /** By one person or program, with a token or logged in. */
  readonly perActor: number;
  /** Without either, from one address (one /64 network of IPv6). */
  readonly perAddress: number;
  /** With a wrong token or secret, from one address. */
  readonly failures: number;
}

export const DEFAULT_LIMITS: RequestLimits = { perActor: 3_000, perAddress: 600, failures: 30 };

const WINDOW_MS = 60_000;
/** Actors or addresses remembered; the one unseen for longest is forgotten. */
const REMEMBERED = 5_000;

export interface Limits {
  /** Counts a request of one that is known. @throws `E_RATE_LIMITED` */
  ofActor(request: FastifyRequest, actor: Actor): Promise<void>;
  /** Counts a request of one that is not. @throws `E_RATE_LIMITED` */
  ofAddress(request: FastifyRequest): Promise<void>;
  /** Counts a wrong token or secret. @throws `E_RATE_LIMITED` */
  ofFailures(request: FastifyRequest): Promise<void>;
  /** Refuses an address that has sent too many wrong ones. @throws `E_RATE_LIMITED` */
  requireFewFailures(request: FastifyRequest): Promise<void>;
}

type Count = ReturnType<FastifyInstance['createRateLimit']>;
type Counted = Awaited<ReturnType<Count>>;

/** Adds the counting to the application. It is this process's own: several servers each have theirs. */
export async function requestLimits(app: FastifyInstance, limits: RequestLimits): Promise<Limits> {
  await app.register(rateLimit, { global: false, cache: REMEMBERED });
  const names = new WeakMap<FastifyRequest, string>();
  const actors = app.createRateLimit({
    max: limits.perActor,
    timeWindow: WINDOW_MS,
    keyGenerator: (request) => names.get(request) ?? '',
  });
  const addresses = app.createRateLimit({ max: limits.perAddress, timeWindow: WINDOW_MS });
  const failures = app.createRateLimit({ max: limits.failures, timeWindow: WINDOW_MS });
  return {
    ofActor: async (request, actor) => {
      // Two tokens of one person share one count.
      names.set(request, actor.name.toLowerCase());
      hold(await actors(request), 'requests of one person or program');
    },
    ofAddress: async (request) => hold(await addresses(request), 'requests without a token from one address'),
    ofFailures: async (request) => hold(await failures(request), 'wrong tokens from one address'),
    requireFewFailures: async (request) => {
      const seen = await failures(request, { increment: false });
      if (!seen.isAllowed && seen.remaining === 0) throw tooMany(seen, 'wrong tokens from one address');
    },
  };
}

function hold(counted: Counted, whose: string): void {
  if (!counted.isAllowed && counted.isExceeded) throw tooMany(counted, whose);
}

function tooMany(counted: Extract<Counted, { isAllowed: false }>, whose: string): AllclearError {
  const { max, ttlInSeconds } = counted;
  return new AllclearError('E_RATE_LIMITED', {
    what: `more than ${max} ${whose} in a minute`,
    next: `Wait ${ttlInSeconds} s.`,
    retryAfterSeconds: ttlInSeconds,
  });
}
