/**
 * What checks that run by themselves are kept from.
 *
 * - **closed**: the file system is read-only, processes cannot be signalled, rights cannot be gained.
 * - **open**: checks run as any command does, and `why` says why.
 * - **refused**: no sandbox, and one is required: no command of a check runs by itself.
 */
import { z } from 'zod';

export const sandboxModes = ['auto', 'required', 'off'] as const;
export type SandboxMode = (typeof sandboxModes)[number];

/** The section `sandbox` of the configuration file. */
export const sandboxSettings = z.strictObject({
  /** `auto`: where the system offers it; `required`: not without; `off`: never. */
  mode: z.enum(sandboxModes).default('auto'),
  /** False: checks reach no network at all, not even this machine's. */
  network: z.boolean().default(true),
  /** Folders and sockets that checks may see although they lie where sockets are hidden, `/run` above all. */
  show: z.array(z.string().startsWith('/').max(4096)).max(64).default([]),
});
export type SandboxSettings = z.infer<typeof sandboxSettings>;

export type Sandbox = Closed | Open | Refused;

export interface Closed {
  readonly state: 'closed';
  readonly name: 'bubblewrap' | 'namespaces';
  readonly network: boolean;
  /** Lines of bash that come first in a command's shell: its limits, and the programs that cannot work in here. */
  readonly first: string;
  wrap(inside: Inside): Wrapped;
}

export interface Open {
  readonly state: 'open';
  readonly why: string;
}

export interface Refused {
  readonly state: 'refused';
  readonly why: string;
}

/** A command as it is to run in the sandbox. */
export interface Inside {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Files below the sandbox's own /tmp, whose text comes by an open stream. */
  readonly files: readonly { readonly fd: number; readonly path: string }[];
}

/** The program to start outside, which starts the command inside. */
export interface Wrapped {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Record<string, string>;
}

/** As events and people read it: `bubblewrap`, `bubblewrap, no network`, `none: …`. */
export function describeSandbox(sandbox: Sandbox | undefined): string {
  if (sandbox === undefined) return 'none: at a person’s terminal';
  if (sandbox.state === 'closed') return `${sandbox.name}${sandbox.network ? '' : ', no network'}`;
  return `none: ${sandbox.why}`;
}
