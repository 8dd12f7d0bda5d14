/** Tool calls in progress within sessions, so that a client's own cancellation is noticed. */
import { InFlight, type Place } from '../policy/in-flight.ts';
import type { RequestId } from '../policy/message.ts';

export interface Cancellable {
  /** The client has cancelled it with a notification, which passes on its own; an answer may still come. */
  cancelledByClient(): void;
}

export class CancellableCalls {
  readonly #calls = new InFlight<Cancellable>();

  /** Returns what to `remove` it with. */
  add(session: string, id: RequestId, call: Cancellable): Place<Cancellable> {
    return this.#calls.add(keyOf(session, id), call);
  }

  /** The call has ended; another one that came under the same id stays. */
  remove(place: Place<Cancellable>): void {
    this.#calls.remove(place);
  }

  /** Of several under the same id, one. */
  find(session: string, id: RequestId): Cancellable | undefined {
    const key = keyOf(session, id);
    return this.#calls.near(key).findLast((place) => place.key === key)?.value;
  }
}

/** Ids are unique within a session, where 1 and "1" are two. Large integers are rounded in a notification's params. */
function keyOf(session: string, id: RequestId): string {
  return `${session} ${typeof id === 'string' ? JSON.stringify(id) : Number(id)}`;
}
