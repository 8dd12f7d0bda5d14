/** The terminal a command speaks to, injected so that tests can read what it prints. */
export interface Io {
  /** Data goes here. */
  out(text: string): void;
  /** Progress, notices and errors go here. */
  err(text: string): void;
  /** Colour is used only when true (a terminal, and neither NO_COLOR nor --json). */
  readonly colour: boolean;
  /** Questions can be asked (stdin and stderr are terminals). */
  readonly interactive: boolean;
  readonly columns: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborts on Ctrl-C or SIGTERM; a command cleans up and returns. */
  readonly signal: AbortSignal;
}

export function processIo(signal: AbortSignal): Io {
  const colourWanted = process.env['NO_COLOR'] === undefined && process.env['TERM'] !== 'dumb';
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    colour: colourWanted && process.stdout.isTTY && process.stderr.isTTY,
    interactive: process.stdin.isTTY && process.stderr.isTTY,
    columns: process.stdout.columns ?? 80,
    env: process.env,
    cwd: process.cwd(),
    signal,
  };
}
