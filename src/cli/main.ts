/** The command line: declares the commands; each one's code is loaded only when it runs. */
import { type Command, CommanderError } from 'commander';
import { processIo } from './io.ts';
import { printError } from './print-error.ts';
import { createProgram } from './program.ts';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // The first signal asks the command to clean up; a second one ends the process at once.
  process.once(signal, () => {
    stop.abort(new DOMException(`stopped by ${signal}`, 'AbortError'));
    process.once(signal, () => process.exit(130));
  });
}
// Started by a launcher or a lab: when that goes away, however it goes, this cleans up and ends too.
if (process.connected) {
  process.once('disconnect', () => stop.abort(new DOMException('stopped with its parent', 'AbortError')));
  process.channel?.unref();
}
// `allclear … | head` closes our output early: that is the reader's right, not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const io = processIo(stop.signal);

async function main(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const json = args.includes('--json');
  const done = (code: number) => {
    exitCode = code;
  };
  const program: Command = createProgram(io, done, json);
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return printError(error, io, json);
  }
}

process.exitCode = await main(process.argv.slice(2));
