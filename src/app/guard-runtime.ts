/** What V8 is told for a process that is nothing but a guard. Measured: docs/adr/0013-the-hot-path.md. */
import { setFlagsFromString } from 'node:v8';

/**
 * To be called before the first request. A flag that a later V8 does not know any more is passed over, which one on the
 * command line would not be.
 */
export function tuneRuntime(): void {
  // The way of a request is a long chain of small functions, of ours, of Node's and of undici's: more of it is compiled as one.
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=3000');
  // What is collected is small (the limit on it has to be on the command line): several threads take longer to agree than one to work.
  setFlagsFromString('--no-parallel-scavenge');
}
