/**
 * The way of one request that is bound to no known session: which upstream is asked first, and which next
 * when one did not take it. Each is asked once.
 */
import { DISCOVER, isTelling, judge, type Speech } from './eras.ts';
import type { Message } from './message.ts';
import type { Upstream, UpstreamSet } from './upstreams.ts';

/** `session`: the upstream that knows it. `anything`: what is no MCP message (a GET, a metadata document). */
export type Need = Exclude<Speech, 'older'> | 'session' | 'anything';

/** What a message needs of an upstream, apart from a session. @param stateless it is of the newer era */
export function needOf(message: Message, stateless: boolean): Need {
  if (message.kind === 'opaque') return 'anything';
  return stateless ? 'newer' : 'sessionless';
}

/** 404 by the protocol, 400 from some servers; 405 for the GET and DELETE of a session, where there are none. */
const DENIES_SESSION = new Set([400, 404, 405]);

export class Route {
  readonly #upstreams: UpstreamSet;
  readonly #need: Need;
  readonly #method: string;
  readonly #regular: boolean;
  readonly #tried: Upstream[] = [];
  #saidUnknown = false;
  #saidNotOffered = false;
  #missed = false;

  /** @param regular a rejection tells of the server, see `isRegular` */
  constructor(upstreams: UpstreamSet, need: Need, method: string, regular: boolean) {
    this.#upstreams = upstreams;
    this.#need = need;
    this.#method = method;
    this.#regular = regular;
  }

  /** The upstream to ask now; undefined when there is none (left). */
  next(): Upstream | undefined {
    const upstream =
      this.#need === 'session'
        ? this.#holder()
        : this.#upstreams.pick(this.#need, this.#tried, this.#method === DISCOVER);
    if (upstream) this.#tried.push(upstream);
    return upstream;
  }

  /**
   * What to do with an answer of the upstream that was asked last: `pass` it on, ask the `next` upstream
   * instead, or `look` at its body, which `accepts` then decides.
   */
  answered(status: number): 'pass' | 'next' | 'look' {
    if (this.#need === 'anything' || this.#upstreams.all.length === 1) return 'pass';
    if (this.#need === 'session') return this.#denied(status) ? 'next' : 'pass';
    const asked = this.#tried.at(-1)!;
    if (asked.eras.knows(this.#need, asked.boot) === 'yes') return 'pass';
    return isTelling(this.#need, this.#method, status) ? 'look' : 'pass';
  }

  /** Learns from an answer that was looked at. False: it is to be asked elsewhere, and there is somewhere. */
  accepts(status: number, answer: unknown): boolean {
    if (this.#need !== 'newer' && this.#need !== 'sessionless') return true;
    const asked = this.#tried.at(-1)!;
    const { rejected, learned } = judge(this.#need, this.#method, status, answer);
    if (learned === true || (learned === false && this.#regular))
      asked.eras.learn(this.#need, learned, asked.boot);
    return !rejected || !this.#upstreams.hasAnother(this.#need, this.#tried);
  }

  /** There was no connection to the upstream asked last, so it remains open whether it knows the session. */
  missed(): void {
    this.#missed = true;
  }

  /**
   * How a session was denied that nobody of all who were asked holds; null when somebody could not be asked.
   * A server may hold it and yet not offer the GET or DELETE: that it is unknown is then for others to say.
   */
  get denial(): 'unknown' | 'not-offered' | null {
    if (this.#saidNotOffered) return 'not-offered';
    return this.#saidUnknown && !this.#missed ? 'unknown' : null;
  }

  /** This upstream does not serve the session. Another is asked, and in the end the answer that helps is given. */
  #denied(status: number): boolean {
    if (!DENIES_SESSION.has(status)) return false;
    if (status === 404) this.#saidUnknown = true;
    if (status === 405) this.#saidNotOffered = true;
    if (this.#rest.length > 0) return true;
    if (this.#saidNotOffered) return status !== 405;
    return this.#saidUnknown && status !== 404;
  }

  /** Who may know the session: those that are up first, those without sessions last. */
  #holder(): Upstream | undefined {
    const rest = this.#rest;
    const likely = rest.filter((one) => one.eras.knows('older', one.boot) !== 'no');
    const from = likely.length > 0 ? likely : rest;
    return from.find((one) => one.up) ?? from[0];
  }

  get #rest(): readonly Upstream[] {
    return this.#upstreams.all.filter((one) => !this.#tried.includes(one));
  }
}
