import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { extname } from 'node:path';
import { AllclearError, type Clock, oneLine } from '../kernel/index.ts';

/** How much of a child's standard error is kept for the message about its end. */
const STDERR_TAIL_BYTES = 8_000;
const STDERR_TAIL_LINES = 6;
/** A line of standard output longer than this is cut. */
const LINE_BYTES = 64_000;
/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 3_000;

/** How a child process is started. */
export interface ChildOptions {
  /** For messages: `upstream`, `fleet`, `guard`. */
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly env?: NodeJS.ProcessEnv;
  readonly clock: Clock;
}

/** The path of a sibling module that runs as a process of its own, in the sources (`.ts`) and in dist (`.js`). */
export function mainModule(name: string): URL {
  return new URL(`../lab/${name}${extname(import.meta.url)}`, import.meta.url);
}

/**
 * A process of the lab, with an IPC channel: the channel closes when this process dies, however it
 * dies, and the child ends with it. Its standard error is kept (the last lines) for messages.
 */
export class Child {
  readonly name: string;
  /** Resolves when the process has ended, with a description: `exit code 1`, `signal SIGKILL`. */
  readonly ended: Promise<string>;
  readonly #process: ChildProcess;
  readonly #clock: Clock;
  #stderr = '';
  #expected = false;
  #endedHow: string | undefined;
  #onCrash: ((error: AllclearError) => void)[] = [];

  constructor({ name, command: [program, ...args], env, clock }: ChildOptions) {
    this.name = name;
    this.#clock = clock;
    // Its own process group: Ctrl-C reaches only the lab, which decides the order in which things end.
    const options: SpawnOptions = {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
      ...(env && { env }),
    };
    this.#process = spawn(program, args, options);
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => this.#keep(text));
    this.#process.stdout?.setEncoding('utf8').on('data', () => {});
    this.ended = new Promise((resolve) => {
      const end = (how: string) => {
        if (this.#endedHow !== undefined) return;
        this.#endedHow = how;
        resolve(how);
        if (!this.#expected) for (const tell of this.#onCrash) tell(this.crash(how));
      };
      this.#process.once('error', (error) => end(error.message));
      this.#process.once('close', (code, signal) => end(signal ? `signal ${signal}` : `exit code ${code}`));
    });
    // A message to a child that has just died is lost; its end is reported by itself.
    this.#process.on('error', () => {});
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get running(): boolean {
    return this.#endedHow === undefined;
  }

  /** The last lines the child wrote to its standard error; of an uncaught error, the lines that name it. */
  get stderrTail(): string {
    const lines = this.#stderr.trimEnd().split('\n');
    const named = lines.findLastIndex((line) => /^(\w*Error\b|\{"error")/.test(line));
    const from = named === -1 ? Math.max(0, lines.length - STDERR_TAIL_LINES) : named;
    return lines.slice(from, from + STDERR_TAIL_LINES).join('\n');
  }

  onMessage(listener: (message: unknown) => void): () => void {
    this.#process.on('message', listener);
    return () => void this.#process.off('message', listener);
  }

  /** Calls `listener` with each line of standard output; very long ones are cut. */
  onLine(listener: (line: string) => void): void {
    let rest = '';
    this.#process.stdout?.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = (lines.pop() ?? '').slice(0, LINE_BYTES);
      for (const line of lines) listener(line);
    });
  }

  /** Called once if the child ends without having been told to. */
  onCrash(listener: (error: AllclearError) => void): void {
    this.#onCrash.push(listener);
  }

  send(message: object): void {
    if (this.running && this.#process.connected) this.#process.send(message, () => {});
  }

  /**
   * Waits until `pick` finds what it looks for in a message or in standard output.
   * Errors: `E_CHILD_ENDED` when the child ends first, `E_TIMEOUT`, or the signal's reason.
   */
  async waitFor<T>(
    subscribe: (child: Child, found: (value: T) => void) => void,
    { timeoutMs, what, signal }: { timeoutMs: number; what: string; signal?: AbortSignal | undefined },
  ): Promise<T> {
    const over = new AbortController();
    try {
      return await Promise.race([
        new Promise<T>((resolve) => subscribe(this, resolve)),
        this.ended.then((how) => {
          throw this.crash(how);
        }),
        this.#clock
          .sleep(timeoutMs, signal ? AbortSignal.any([signal, over.signal]) : over.signal)
          .then(() => {
            throw new AllclearError('E_TIMEOUT', {
              what: `the lab's ${this.name} was not ${what} after ${timeoutMs / 1000} s`,
              next: 'The machine may be too busy; try again with fewer clients.',
            });
          }),
      ]);
    } finally {
      over.abort();
    }
  }

  /** Kills at once, as a crash or an operator's `kill -9` does; the lab expects it. */
  async kill(): Promise<void> {
    this.#expected = true;
    this.#process.kill('SIGKILL');
    await this.ended;
  }

  /** SIGTERM, and SIGKILL when that does not help; resolves when the process is gone. */
  async stop(): Promise<void> {
    this.#expected = true;
    if (!this.running) return;
    this.#process.kill('SIGTERM');
    const cancel = this.#clock.after(GRACE_MS, () => void this.#process.kill('SIGKILL'));
    await this.ended;
    cancel();
  }

  /** The error that says how the child ended and what it wrote last. */
  crash(how: string): AllclearError {
    const last = this.stderrTail;
    const taken = last.includes('EADDRINUSE');
    return new AllclearError(taken ? 'E_PORT_IN_USE' : 'E_CHILD_ENDED', {
      what: `the lab's ${this.name} ended with ${how}${last === '' ? '' : `: ${oneLine(last, 600)}`}`,
      next: taken
        ? 'Stop the program that holds the port, or leave the choice of ports to the lab.'
        : 'Read its last words above, and try again.',
    });
  }

  #keep(text: string): void {
    this.#stderr = (this.#stderr + text).slice(-STDERR_TAIL_BYTES);
  }
}
