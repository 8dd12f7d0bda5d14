/** Names for secrets: what is kept of a token is only its hash under a key that dies with the process. */
import { hash, randomBytes } from 'node:crypto';

/**
 * Keyed hashes of tokens and of requests that carry them. Whoever reads the memory of a table keyed by
 * them learns no token and cannot test a guess, nor compare two processes. Equal secrets have equal
 * names, different ones practically never (SHA-256, no output but the name itself is ever shown).
 */
export class KeyedHash {
  readonly #key = randomBytes(32).toString('base64url');

  /** The name of one secret. One call to the library without any object: made for every request. */
  of(secret: string): string {
    return hash('sha256', this.#key + secret, 'base64url');
  }

  /** The name of several texts in their order; no two different lists look alike. */
  ofAll(texts: readonly string[]): string {
    return this.of(JSON.stringify(texts));
  }
}
