/** The session that a call belongs to, and what its answer says of it. */
import type { IncomingMessage } from 'node:http';
import type { Session, SessionTable } from '../policy/sessions.ts';
import type { Upstream } from '../policy/upstreams.ts';
import { pathOf } from './path.ts';

const MAX_SESSION_ID = 512;

export class SessionUse {
  readonly #sessions: SessionTable;
  readonly #req: IncomingMessage;
  /** The session that the request names; '' for none. */
  readonly id: string;
  #session: Session | null = null;
  /** The call is counted among those of the session. */
  #counted = false;

  constructor(sessions: SessionTable, req: IncomingMessage, id: string) {
    this.#sessions = sessions;
    this.#req = req;
    this.id = id;
  }

  /** Null when there is none, or none that the guard knows. */
  get session(): Session | null {
    return this.#session;
  }

  /** Looks the session up. A session with a call in progress is not idle. */
  enter(): Session | null {
    const session = this.id === '' ? undefined : this.#sessions.use(this.id);
    if (session) this.#count(session);
    return session ?? null;
  }

  /** The upstream recognized a session that the guard did not know. */
  adopt(upstream: Upstream): void {
    if (this.#req.method === 'DELETE' || this.id === '' || this.id.length > MAX_SESSION_ID) return;
    this.#count(this.#sessions.add(this.id, upstream, pathOf(this.#req.url!)));
  }

  /**
   * The upstream of a known session has answered.
   * @returns true when it denied the session, which is lost then
   */
  answered(status: number): boolean {
    const session = this.#session!;
    if (this.#isDenial(session, status)) {
      this.#sessions.lose(session);
      return true;
    }
    if (status < 400) session.boot = session.upstream.boot;
    if (this.#req.method === 'DELETE' && status < 300) this.#sessions.forget(session.id);
    return false;
  }

  /** The call has ended, or is nothing but an open stream, which keeps no session from being idle. */
  leave(): void {
    if (!this.#counted) return;
    this.#counted = false;
    this.#session!.calls -= 1;
  }

  /** A 404 on the session's own path; or a 400 from a server that may have restarted since it last knew it. */
  #isDenial(session: Session, status: number): boolean {
    if (pathOf(this.#req.url!) !== session.path) return false;
    return status === 404 || (status === 400 && session.boot < session.upstream.boot);
  }

  #count(session: Session): void {
    this.#session = session;
    this.#counted = true;
    session.calls += 1;
  }
}
