/** Tool calls in progress within sessions, so that a client's own cancellation is noticed. */
import { InFlight, type Place } from '../policy/in-flight.ts';
import type { RequestId } from '../policy/message.ts';

export interface Cancellable {
  /** Unique within its session. */
  readonly id: RequestId;
  /** The client has cancelled it with a notification, which passes on its own; an answer may still come. */
  cancelledByClient(): void;
}

export class CancellableCalls {
  /** By session: that costs no text of its own, and cancellations, which search for an id, are few. */
  readonly #calls = new InFlight<Cancellable>();

  /** Returns what to `remove` it with. */
  add(session: string, call: Cancellable): Place<Cancellable> {
    return this.#calls.add(session, call);
  }

  /** The call has ended; another one that came under the same id stays. */
  remove(place: Place<Cancellable>): void {
    this.#calls.remove(place);
  }

  /** Of several under the same id, one. */
  find(session: string, id: RequestId): Cancellable | undefined {
    const near = this.#calls.near(session);
    return near.findLast(({ key, value }) => key === session && isSame(value.id, id))?.value;
  }
}

/** 1 and "1" are two ids. Large integers are rounded in a notification's params. */
function isSame(one: RequestId, other: RequestId): boolean {
  if (typeof one === 'string' || typeof other === 'string') return one === other;
  return Number(one) === Number(other);
}
