/**
 * Puts a write off to the end of this turn of the event loop, when all that has arrived together has been read.
 *
 * A write to a socket wakes whoever sleeps at its other end, and that is dearer than the write itself. With reading and
 * writing by turns each peer is woken for each message; with all writes in one go it is still awake for the next one.
 * A write that is alone in its turn is not held up: nothing is waited for.
 */
let due: (() => void)[] = [];

/** Runs `write` after all that this turn still reads, in the order of the calls. It must not throw. */
export function atEndOfTurn(write: () => void): void {
  due.push(write);
  if (due.length === 1) setImmediate(writeAll);
}

function writeAll(): void {
  const writes = due;
  due = [];
  for (const write of writes) write();
}
