import { generateKeyPairSync } from 'node:crypto';
import type { RequestListener, ServerResponse } from 'node:http';
import { type Adapter, type JWK, Provider, type ResourceServer } from 'oidc-provider';
import type { Throttle } from './throttle.ts';

/** The one client: every host of the fleet is an installation of the same public application. */
export const CLIENT_ID = 'lab-host';
export const REDIRECT_URI = 'http://127.0.0.1/callback';
export const SCOPE = 'mcp';

const REFRESH_TOKEN_SECONDS = 24 * 3600;

/** As a reverse proxy says it: not OAuth, not JSON. */
const TOO_MANY = `<html>
<head><title>429 Too Many Requests</title></head>
<body><center><h1>429 Too Many Requests</h1></center></body>
</html>
`;

/**
 * A real authorization server with refresh token rotation: whoever uses a refresh token twice loses
 * the whole grant (RFC 9700, 4.14.2), and no grace is given. Access tokens are JWT (RFC 9068), signed with RS256.
 * @param accessTokenSeconds how long an access token lives that is issued now
 */
export function createProvider(
  issuer: string,
  adapter: (model: string) => Adapter,
  accessTokenSeconds: () => number,
): Provider {
  return new Provider(issuer, {
    adapter,
    clients: [
      {
        client_id: CLIENT_ID,
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        redirect_uris: [REDIRECT_URI],
        // "native" may have a loopback redirect without TLS (RFC 8252, 7.3).
        application_type: 'native',
      },
    ],
    cookies: { keys: ['lab'] },
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => resourceServerInfo(resource, accessTokenSeconds()),
        useGrantedResource: () => true,
      },
    },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    interactions: { url: () => '/log-in' },
    issueRefreshToken: () => true,
    jwks: { keys: [signingKey()] },
    rotateRefreshToken: true,
    scopes: [SCOPE],
    ttl: {
      AccessToken: () => accessTokenSeconds(),
      AuthorizationCode: 60,
      Grant: REFRESH_TOKEN_SECONDS,
      RefreshToken: REFRESH_TOKEN_SECONDS,
    },
  });
}

/** What kind of access token the MCP server at this URL takes. */
export function resourceServerInfo(resource: string, accessTokenSeconds: number): ResourceServer {
  return {
    scope: SCOPE,
    audience: resource,
    accessTokenFormat: 'jwt',
    accessTokenTTL: accessTokenSeconds,
    jwt: { sign: { alg: 'RS256' } },
  };
}

function signingKey(): JWK {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...(privateKey.export({ format: 'jwk' }) as JWK), alg: 'RS256', use: 'sig' };
}

/** What became of the token requests. */
export interface TokenRequestCounts {
  ok: number;
  refused: number;
  throttled: number;
}

/**
 * The authorization server as the network sees it: under one public name, with a throttle in front of the
 * token endpoint, and with what each token request costs.
 * @param burn what each token request costs on top of its signature, see `calibrateBurn`
 */
export function publicFace(
  provider: Provider,
  { throttle, burn, counts }: { throttle: Throttle; burn: () => void; counts: TokenRequestCounts },
): RequestListener {
  const handle = provider.callback();
  const host = new URL(provider.issuer).host;
  return (request, response) => {
    // It knows its public name, whatever the proxy in front of it asks for: discovery must name that one.
    request.headers.host = host;
    if (request.method === 'POST' && request.url?.split('?', 1)[0] === '/token') {
      if (!throttle.admits(request.socket.remoteAddress ?? '')) {
        counts.throttled += 1;
        request.resume();
        return tooMany(response);
      }
      response.once('finish', () => (counts[response.statusCode === 200 ? 'ok' : 'refused'] += 1));
      burn();
    }
    void handle(request, response);
  };
}

function tooMany(response: ServerResponse): void {
  response.writeHead(429, { 'content-type': 'text/html' }).end(TOO_MANY);
}
