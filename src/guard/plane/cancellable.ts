/** Tool calls in progress within sessions, so that a client's own cancellation is noticed. */

export interface Cancellable {
  /** The client has cancelled it with a notification, which passes on its own; an answer may still come. */
  cancelledByClient(): void;
}

export class CancellableCalls {
  readonly #calls = new Map<string, Cancellable>();

  /** Returns the key to `remove` it with. */
  add(session: string, id: string | number, call: Cancellable): string {
    const key = keyOf(session, id);
    this.#calls.set(key, call);
    return key;
  }

  /** The call has ended; another one that came under the same id stays. */
  remove(key: string, call: Cancellable): void {
    if (this.#calls.get(key) === call) this.#calls.delete(key);
  }

  find(session: string, id: string | number): Cancellable | undefined {
    return this.#calls.get(keyOf(session, id));
  }
}

/** Ids are unique within a session, where 1 and "1" are two. */
function keyOf(session: string, id: string | number): string {
  return `${session} ${typeof id === 'number' ? id : JSON.stringify(id)}`;
}
