/** **Simulated**: the person in front of a host, and the browser. See `log-in-desk` for what is real about it. */
import { auth } from '@modelcontextprotocol/sdk/client/auth.js';
import { type OAuthTokens, OAuthTokensSchema } from '@modelcontextprotocol/sdk/shared/auth.js';
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { z } from 'zod';
import type { Clock } from '../../kernel/index.ts';
import type { Credential } from './credential.ts';

const codeSchema = z.object({ code: z.string() });

export interface PersonOptions {
  readonly account: string;
  /** The MCP endpoint. */
  readonly url: string;
  readonly deskUrl: string;
  /** How long a log-in takes: at least and at most, in milliseconds. */
  readonly logInMs: readonly [number, number];
  readonly fetch: FetchLike;
  readonly clock: Clock;
}

export class Person {
  readonly #options: PersonOptions;

  constructor(options: PersonOptions) {
    this.#options = options;
  }

  /** What an earlier log-in has left behind; with `expiresAt` (epoch seconds), one whose access token ends then. */
  async signedIn(expiresAt?: number): Promise<OAuthTokens> {
    const { account, url } = this.#options;
    return OAuthTokensSchema.parse(await this.#ask('/tokens', { account, resource: url, expiresAt }));
  }

  /**
   * Logs in, by and by: the page, the password, the consent; then the SDK trades the code for tokens as
   * always. Rejects when the authorization server refuses that: the person then sees an error.
   */
  async logIn(credential: Credential): Promise<void> {
    const { account, url, logInMs, fetch: fetchFn, clock } = this.#options;
    const [least, most] = logInMs;
    await clock.sleep(least + Math.random() * (most - least));
    credential.renew(undefined);
    await auth(credential, { serverUrl: url, fetchFn });
    const authorizationUrl = credential.logInUrl?.href;
    const { code } = codeSchema.parse(await this.#ask('/codes', { account, authorizationUrl }));
    await auth(credential, { serverUrl: url, authorizationCode: code, fetchFn });
    credential.renew(credential.tokens());
  }

  async #ask(path: string, body: object): Promise<unknown> {
    const { fetch: fetchFn, deskUrl } = this.#options;
    const answer = await fetchFn(new URL(path, deskUrl), { method: 'POST', body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`the log-in desk says ${answer.status}: ${await answer.text()}`);
    return answer.json();
  }
}
