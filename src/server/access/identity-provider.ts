/** The identity provider, spoken to by openid-client: authorization code with PKCE, state and nonce. */
import * as client from 'openid-client';
import { AllclearError, type Clock, oneLine, systemCode } from '../../kernel/index.ts';
import type { OidcConfig } from './oidc-config.ts';
import { type Claims, isEnough } from './person.ts';

const TIMEOUT_SECONDS = 10;
/** The provider's clock and ours may differ by as much. */
const CLOCK_SECONDS = 60;
/** What the provider says of itself is asked for again after this. */
const KEPT_MS = 3_600_000;

/** What binds the provider's answer to the browser that asked. */
export interface LoginChecks {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly redirectUri: string;
}

export interface IdentityProvider {
  /** Where the browser goes to log in. @throws `E_UNREACHABLE` while the provider is away */
  begin(redirectUri: string): Promise<{ url: string; checks: LoginChecks }>;
  /**
   * What the provider says of the person that comes back.
   * @param search of the address that the browser came back to
   * @throws `E_LOGIN` for an answer to another question, `E_UNREACHABLE`
   */
  complete(search: string, checks: LoginChecks): Promise<Claims>;
}

/** Nothing is asked of the provider before the first log-in: the service starts without it. */
export function identityProvider(config: OidcConfig, secret: string | null, clock: Clock): IdentityProvider {
  const { issuer } = config;
  let known: { provider: Promise<client.Configuration>; at: number } | null = null;
  const discover = (): Promise<client.Configuration> => {
    if (known && clock.monotonic() - known.at < KEPT_MS) return known.provider;
    const provider = configuration(config, secret);
    const asked = { provider, at: clock.monotonic() };
    known = asked;
    // A failure is not kept: the next log-in asks again.
    provider.catch(() => {
      if (known === asked) known = null;
    });
    return provider;
  };
  return {
    begin: (redirectUri) =>
      explained(issuer, async () => {
        const provider = await discover();
        const checks = {
          state: client.randomState(),
          nonce: client.randomNonce(),
          verifier: client.randomPKCECodeVerifier(),
          redirectUri,
        };
        const url = client.buildAuthorizationUrl(provider, {
          redirect_uri: redirectUri,
          scope: [...new Set(['openid', ...config.scopes])].join(' '),
          state: checks.state,
          nonce: checks.nonce,
          code_challenge: await client.calculatePKCECodeChallenge(checks.verifier),
          code_challenge_method: 'S256',
        });
        return { url: url.href, checks };
      }),
    complete: (search, checks) =>
      explained(issuer, async () => {
        const provider = await discover();
        const tokens = await client.authorizationCodeGrant(provider, new URL(search, checks.redirectUri), {
          expectedState: checks.state,
          expectedNonce: checks.nonce,
          pkceCodeVerifier: checks.verifier,
          idTokenExpected: true,
        });
        const claims = tokens.claims()!;
        if (isEnough(claims, config) || !provider.serverMetadata().userinfo_endpoint) return claims;
        // What the signed token says stands; the rest the provider may tell only when asked.
        return { ...(await client.fetchUserInfo(provider, tokens.access_token, claims.sub)), ...claims };
      }),
  };
}

async function configuration(config: OidcConfig, secret: string | null): Promise<client.Configuration> {
  const id = config['client-id'];
  const metadata = { [client.clockTolerance]: CLOCK_SECONDS };
  const options = {
    timeout: TIMEOUT_SECONDS,
    // The configuration allows plain HTTP on this machine only.
    execute: config.issuer.protocol === 'http:' ? [client.allowInsecureRequests] : [],
  };
  if (secret === null) return client.discovery(config.issuer, id, metadata, client.None(), options);
  const found = await client.discovery(
    config.issuer,
    id,
    metadata,
    client.ClientSecretBasic(secret),
    options,
  );
  const methods = found.serverMetadata().token_endpoint_auth_methods_supported;
  if (methods === undefined || methods.includes('client_secret_basic')) return found;
  // Basic is what OpenID Connect takes when nothing else is said; this provider says something else.
  const posted = new client.Configuration(
    found.serverMetadata(),
    id,
    metadata,
    client.ClientSecretPost(secret),
  );
  posted.timeout = TIMEOUT_SECONDS;
  for (const allow of options.execute) allow(posted);
  return posted;
}

/** Errors of the client and of the network, as ours; what they say comes from outside. */
async function explained<T>(issuer: URL, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof client.AuthorizationResponseError) {
      const said = cause.error_description ?? cause.error;
      throw failed(`the identity provider refused it: ${oneLine(said, 200)}`, cause);
    }
    if (cause instanceof client.ResponseBodyError)
      throw failed(`the identity provider did not take it: ${oneLine(cause.error, 100)}`, cause);
    if (cause instanceof client.WWWAuthenticateChallengeError)
      throw failed("the identity provider does not know this service's client id or client secret", cause);
    if (isAway(cause)) {
      throw new AllclearError('E_UNREACHABLE', {
        what: `the identity provider ${issuer.host} does not answer as it should (${reason(cause)})`,
        next: 'Try again in a while. Tokens still work meanwhile.',
        cause,
      });
    }
    if (cause instanceof client.ClientError) throw failed(oneLine(cause.message, 200), cause);
    throw cause;
  }
}

function failed(what: string, cause: unknown): AllclearError {
  return new AllclearError('E_LOGIN', { what, next: 'Begin again at /login.', cause });
}

/** `ECONNREFUSED`, `CERT_HAS_EXPIRED`, `unexpected HTTP response status code` … */
function reason(cause: unknown): string {
  const inner = cause instanceof Error ? cause.cause : undefined;
  return systemCode(inner) ?? oneLine(cause instanceof Error ? cause.message : String(cause), 100);
}

/** No answer, one too late, or one that is no HTTP answer of a provider. */
function isAway(cause: unknown): boolean {
  if (cause instanceof TypeError) return cause.message === 'fetch failed';
  if (!(cause instanceof client.ClientError)) return false;
  return [
    'OAUTH_TIMEOUT',
    'OAUTH_RESPONSE_IS_NOT_CONFORM',
    'OAUTH_RESPONSE_IS_NOT_JSON',
    'OAUTH_PARSE_ERROR',
  ].includes(cause.code ?? '');
}
