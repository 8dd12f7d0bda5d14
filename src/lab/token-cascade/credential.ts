import type { OAuthClientProvider, OAuthDiscoveryState } from '@modelcontextprotocol/sdk/client/auth.js';
import type {
  OAuthClientInformationMixed,
  OAuthClientMetadata,
  OAuthTokens,
} from '@modelcontextprotocol/sdk/shared/auth.js';
import { CLIENT_ID, REDIRECT_URI, SCOPE } from './auth-server.ts';

/**
 * What one host keeps for the SDK's OAuth code: its tokens, in memory. Nothing stops two calls from
 * refreshing with the same token at once, as in the SDK's own examples and in many hosts.
 */
export class Credential implements OAuthClientProvider {
  readonly redirectUrl = REDIRECT_URI;
  readonly clientMetadata: OAuthClientMetadata = {
    redirect_uris: [REDIRECT_URI],
    token_endpoint_auth_method: 'none',
    scope: SCOPE,
  };
  #tokens: OAuthTokens | undefined;
  #verifier = '';
  #discovered: OAuthDiscoveryState | undefined;
  #logInUrl: URL | undefined;

  /** Where the person has to log in, once the SDK's code has given up on the tokens. */
  get logInUrl(): URL | undefined {
    return this.#logInUrl;
  }

  /** The tokens of a log-in; whatever was asked of the person is done with. */
  renew(tokens: OAuthTokens | undefined): void {
    this.#tokens = tokens;
    this.#logInUrl = undefined;
  }

  clientInformation(): OAuthClientInformationMixed {
    return { client_id: CLIENT_ID };
  }

  tokens(): OAuthTokens | undefined {
    return this.#tokens;
  }

  saveTokens(tokens: OAuthTokens): void {
    this.#tokens = tokens;
  }

  redirectToAuthorization(url: URL): void {
    this.#logInUrl = url;
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }

  codeVerifier(): string {
    return this.#verifier;
  }

  invalidateCredentials(scope: 'all' | 'client' | 'tokens' | 'verifier' | 'discovery'): void {
    if (scope === 'all' || scope === 'tokens') this.#tokens = undefined;
    if (scope === 'all' || scope === 'discovery') this.#discovered = undefined;
  }

  saveDiscoveryState(state: OAuthDiscoveryState): void {
    this.#discovered = state;
  }

  discoveryState(): OAuthDiscoveryState | undefined {
    return this.#discovered;
  }
}
