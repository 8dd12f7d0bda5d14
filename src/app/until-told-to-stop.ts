/** How a program that runs until it is told learns that it is told. */
import { isatty } from 'node:tty';

/**
 * Resolves when the signal aborts or the parent process goes away (its IPC channel closes).
 * @param hangUp called at each SIGHUP from now on; when the terminal itself has gone, that means to stop
 */
export function untilToldToStop(signal: AbortSignal, hangUp: () => void): Promise<void> {
  const onTerminal = process.stdin.isTTY;
  return new Promise((resolve) => {
    const stop = () => {
      signal.removeEventListener('abort', stop);
      // A listener on the channel would keep the process alive.
      process.off('disconnect', stop);
      resolve();
    };
    if (signal.aborted) {
      resolve();
      return;
    }
    signal.addEventListener('abort', stop);
    if (process.connected) process.on('disconnect', stop);
    const others = process.listeners('SIGHUP');
    process.on('SIGHUP', () => {
      if (onTerminal && !isatty(0)) stop();
      else hangUp();
    });
    // In place of what would end the program; after ours is there, so that no signal falls between.
    for (const other of others) process.off('SIGHUP', other);
  });
}
