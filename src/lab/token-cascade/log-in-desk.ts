/**
 * Where the lab's people log in. **Simulated**: a browser, a login page and a person's consent. What comes out
 * of it is real: grants, authorization codes with their PKCE challenge, refresh tokens and signed access tokens.
 */
import type { IncomingMessage, RequestListener } from 'node:http';
import type { Provider } from 'oidc-provider';
import { z } from 'zod';
import type { Clock } from '../../kernel/index.ts';
import {
  CLIENT_ID,
  REDIRECT_URI,
  resourceServerInfo,
  SCOPE,
  type TokenRequestCounts,
} from './auth-server.ts';

const MAX_BODY_BYTES = 100_000;

/** A person who is signed in already: what the client holds since an earlier log-in. */
const signedInSchema = z.object({
  account: z.string().max(100),
  resource: z.url(),
  /** Epoch seconds at which the access token expires; unset, as any other. */
  expiresAt: z.number().int().optional(),
});
/** A person who consents to what the client asks for. */
const consentSchema = z.object({ account: z.string().max(100), authorizationUrl: z.url() });

export interface Desk {
  readonly provider: Provider;
  readonly counts: TokenRequestCounts;
  /** How long an access token lives that is issued now. */
  readonly accessTokenSeconds: () => number;
  readonly clock: Clock;
}

/** `POST /tokens` (an earlier log-in), `POST /codes` (a log-in now), `GET /metrics`. Not for the network. */
export function createLogInDesk(desk: Desk): RequestListener {
  const routes: Record<string, (request: IncomingMessage) => Promise<string>> = {
    'POST /tokens': async (request) =>
      JSON.stringify(await signedIn(desk, signedInSchema.parse(await readJson(request)))),
    'POST /codes': async (request) =>
      JSON.stringify({ code: await consent(desk.provider, consentSchema.parse(await readJson(request))) }),
    'GET /metrics': async () => exposition(desk.counts),
  };
  return (request, response) => {
    const route = routes[`${request.method} ${request.url}`];
    if (!route) return void response.writeHead(404).end();
    route(request).then(
      (text) => response.writeHead(200).end(text),
      (error: unknown) => response.writeHead(400).end(String(error)),
    );
  };
}

async function signedIn(
  { provider, clock, accessTokenSeconds }: Desk,
  { account, resource, expiresAt }: z.infer<typeof signedInSchema>,
) {
  const grantId = await grantFor(provider, account, resource);
  const held = { accountId: account, client: await theClient(provider), grantId, gty: 'authorization_code' };
  const expiresIn =
    expiresAt === undefined ? accessTokenSeconds() : Math.max(1, expiresAt - Math.floor(clock.now() / 1000));
  const accessToken = new provider.AccessToken({
    ...held,
    scope: SCOPE,
    expiresIn,
    resourceServer: new provider.ResourceServer(resource, resourceServerInfo(resource, expiresIn)),
  });
  const refreshToken = new provider.RefreshToken({ ...held, scope: SCOPE, resource });
  return {
    access_token: await accessToken.save(),
    token_type: 'Bearer',
    expires_in: expiresIn,
    refresh_token: await refreshToken.save(),
    scope: SCOPE,
    // The SDK keeps tokens together with where they come from.
    issuer: provider.issuer,
  };
}

async function consent(
  provider: Provider,
  { account, authorizationUrl }: z.infer<typeof consentSchema>,
): Promise<string> {
  const asked = new URL(authorizationUrl).searchParams;
  const resource = asked.get('resource') ?? '';
  const code = new provider.AuthorizationCode({
    accountId: account,
    client: await theClient(provider),
    grantId: await grantFor(provider, account, resource),
    gty: 'authorization_code',
    redirectUri: REDIRECT_URI,
    codeChallenge: asked.get('code_challenge') ?? '',
    codeChallengeMethod: asked.get('code_challenge_method') ?? '',
    resource,
    scope: SCOPE,
  });
  return code.save();
}

async function grantFor(provider: Provider, accountId: string, resource: string): Promise<string> {
  const grant = new provider.Grant({ accountId, clientId: CLIENT_ID });
  grant.addResourceScope(resource, SCOPE);
  return grant.save();
}

async function theClient(provider: Provider) {
  const client = await provider.Client.find(CLIENT_ID);
  if (!client) throw new TypeError('the lab has no client');
  return client;
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new RangeError('too large');
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
}

function exposition(counts: TokenRequestCounts): string {
  const name = 'lab_token_requests_total';
  return [
    `# HELP ${name} Requests to the token endpoint: answered with tokens, refused in OAuth's words, turned away by the throttle.`,
    `# TYPE ${name} counter`,
    ...Object.entries(counts).map(([outcome, value]) => `${name}{outcome="${outcome}"} ${value}`),
    '',
  ].join('\n');
}
