/**
 * What the engine speaks of.
 *
 * - **reading**: what one execution of a check saw, and how it was judged.
 * - **verdict**: what a runbook's Diagnosis concludes from its readings.
 * - **operator**: whoever approves, answers and reports: a person at a prompt, or a drill's policy.
 */
import type { Clock } from '../kernel/index.ts';
import type { MetricsSource } from '../metrics/index.ts';
import type { Condition } from '../runbook/index.ts';
import type { Closed, Sandbox } from './sandbox/model.ts';

/**
 * `normal` and `abnormal` decide; `unknown`: a human must judge (between two bounds, no data, a question);
 * `error`: the check itself is broken (command missing, endpoint unreachable, timed out, bad CEL).
 */
export type Judgement = 'normal' | 'abnormal' | 'unknown' | 'error';

export interface Reading {
  /** The check's name. */
  readonly check: string;
  readonly label: string;
  readonly section: 'diagnosis' | 'verify';
  readonly judgement: Judgement;
  /** True for a check without a condition or question: it informs, and never decides. */
  readonly informational: boolean;
  /** The figure that was judged, in SI units; null when there was none. */
  readonly value: number | null;
  /** The figure as people read it, with its name: `p95 4.8 s`, `rate 312/s`. */
  readonly shown: string;
  readonly normal: Condition | null;
  readonly abnormal: Condition | null;
  readonly question: string | null;
  /** One sentence: why it was judged so. */
  readonly why: string;
  /** Redacted, bounded output of the command, or the query's result as text. */
  readonly output: string;
  /** The command's exit code; null for queries and for commands that never ended by themselves. */
  readonly exit: number | null;
  /** Set with judgement `error`: what is broken in the runbook or its surroundings. */
  readonly error: { readonly code: string; readonly message: string } | null;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly durationMs: number;
}

export type VerdictKind = 'confirmed' | 'ruled-out' | 'inconclusive';

export interface Verdict {
  /** The runbook's id. */
  readonly runbook: string;
  readonly verdict: VerdictKind;
  /** The sentence that explains it. */
  readonly why: string;
  readonly readings: readonly Reading[];
}

/** `--host mcp-server=127.0.0.1[:PORT]` or `--host mcp-server:9090=127.0.0.1:39090`. */
export interface HostMapping {
  readonly host: string;
  /** Only connections to this port are mapped; null: all. */
  readonly port: number | null;
  readonly toHost: string;
  /** Null: the same port. */
  readonly toPort: number | null;
}

/** What checks and steps run with. Built once per command in src/app. */
export interface Surroundings {
  readonly clock: Clock;
  /** The folder commands run in. */
  readonly cwd: string;
  /** The clean environment for commands: an allow-list of the caller's, plus PARAM_*, LABEL_* and ALLCLEAR_*. */
  readonly env: Readonly<Record<string, string>>;
  readonly hosts: readonly HostMapping[];
  /** Where promql blocks are answered; null: none is configured. */
  readonly metrics: MetricsSource | null;
  /** Values that must never be stored or shown (tokens), besides what the patterns catch. */
  readonly secrets: readonly string[];
  /** Seconds between the two samples that give `rate` and histogram increases. Default 5. */
  readonly sampleSeconds: number;
  /** What checks run in; steps never do. Absent: at a person's terminal, in the open. */
  readonly sandbox?: Sandbox;
}

/** One command to run in its own process group. */
export interface ShellRequest {
  readonly language: 'bash' | 'sh';
  readonly command: string;
  readonly surroundings: Surroundings;
  readonly timeoutSeconds: number;
  readonly signal?: AbortSignal;
  /** Run it in this sandbox; absent: in the open. */
  readonly sandbox?: Closed;
  /** Between SIGTERM and SIGKILL; default 2. */
  readonly graceSeconds?: number;
  /** Bytes kept of each stream, head and tail; default 64 KiB. */
  readonly outputLimit?: number;
  /** Called with redacted text as it comes, as much of it as is kept. */
  readonly onOutput?: (chunk: { readonly stream: 'stdout' | 'stderr'; readonly text: string }) => void;
}

export interface ShellResult {
  /** Null when a signal ended it. */
  readonly exit: number | null;
  readonly signal: string | null;
  /** Redacted and bounded; a marker stands where it was cut. */
  readonly stdout: string;
  readonly stderr: string;
  readonly truncated: boolean;
  readonly timedOut: boolean;
  readonly cancelled: boolean;
  /** A command that does not exist on this machine (bash's 127, also inside a pipeline), by name. */
  readonly missingCommand: string | null;
  /** The endpoint that the last curl or wget could not reach, and why, in words; also inside a pipeline. */
  readonly unreachable: string | null;
  /** Why the sandbox kept a program from running, or could not be made, in words. */
  readonly blocked: string | null;
  /** Exit codes of the parts of the last pipeline; empty when the shell did not get to its end. */
  readonly pipeline: readonly number[];
  readonly durationMs: number;
}
