/** The failures that can be rehearsed: how each is staged, and what its lab is made of. */
import { AllclearError } from '../kernel/index.ts';
import {
  type Lab,
  type Scene,
  type SceneOptions,
  stageSessionStorm,
  stageTokenRefreshCascade,
  stageToolTimeoutSpiral,
} from '../lab/index.ts';

/** What only some failures take. */
export interface FailureSettings {
  /** CPU milliseconds that one initialize costs the server; the session storm's. */
  readonly initializeCostMs: number;
}

export interface Failure {
  /** How many clients, unless told otherwise. */
  readonly clients: number;
  /** What the lab costs or does, in a few words: `10 ms of CPU for each initialize`. */
  readonly setting: (settings: FailureSettings) => string;
  readonly stage: (lab: Lab, options: SceneOptions, settings: FailureSettings) => Promise<Scene>;
}

/** By the name of the shipped runbook. */
export const FAILURES: Readonly<Record<string, Failure>> = {
  'session-storm': {
    clients: 1000,
    setting: ({ initializeCostMs }) => `${initializeCostMs} ms of CPU for each initialize`,
    stage: (lab, options, { initializeCostMs }) => stageSessionStorm(lab, { ...options, initializeCostMs }),
  },
  'token-refresh-cascade': {
    clients: 300,
    setting: () => 'each sends 8 calls at once',
    stage: (lab, options) => stageTokenRefreshCascade(lab, options),
  },
  'tool-timeout-spiral': {
    clients: 300,
    setting: () => 'each asks a slow tool, and retries',
    stage: (lab, options) => stageToolTimeoutSpiral(lab, options),
  },
};

export const failureNames = Object.keys(FAILURES);

/** @throws AllclearError `E_NOT_FOUND` */
export function failureNamed(name: string): Failure {
  const failure = Object.hasOwn(FAILURES, name) ? FAILURES[name] : undefined;
  if (failure) return failure;
  throw new AllclearError('E_NOT_FOUND', {
    what: `there is no drill for "${name}"`,
    next: `There is one for: ${failureNames.join(', ')}.`,
  });
}
