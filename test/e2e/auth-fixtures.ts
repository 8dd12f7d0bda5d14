/** A real authorization server (oidc-provider, rotation on), a protected MCP server, and OAuth clients of the SDKs. */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { OAuthClientInformationMixed, OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js';
import { Provider } from 'oidc-provider';

const REDIRECT = 'http://127.0.0.1/callback';
const SCOPE = 'openid offline_access';

/** The clients that the authorization server knows. */
export const PUBLIC = { client_id: 'public' };
export const CONFIDENTIAL = { client_id: 'confidential', client_secret: 'a-secret-that-nobody-else-knows' };

export interface AuthServer {
  readonly url: string;
  /** The token requests that have reached it, in order. */
  readonly refreshes: { readonly status: () => number; readonly headers: IncomingMessage['headers'] }[];
  /** Grants that reuse detection has revoked. */
  revoked: number;
  /** Milliseconds that each answer takes. */
  delayMs: number;
  /** Answers token requests in the server's place while it is set. */
  instead: RequestListener | null;
  /** Names the address under which clients know it, and starts to serve. */
  serveAs(issuer: string): void;
  /** Tokens of a new user, as after a log-in, for the MCP server at this address. */
  mint(resource: string, client?: { readonly client_id: string }): Promise<OAuthTokens>;
  kill(): Promise<void>;
}

/** An authorization server at an address of its own; it serves once it knows its public one. */
export async function startAuthServer(): Promise<AuthServer> {
  let provider: Provider | null = null;
  const server = createServer((req, res) => {
    if (req.url === '/token') one.refreshes.push({ status: () => res.statusCode, headers: req.headers });
    const serve = req.url === '/token' && one.instead ? one.instead : provider!.callback();
    setTimeout(() => serve(req, res), req.url === '/token' ? one.delayMs : 0);
  });
  const one: AuthServer = {
    url: await listen(server),
    refreshes: [],
    revoked: 0,
    delayMs: 0,
    instead: null,
    serveAs(issuer) {
      provider = makeProvider(issuer);
      provider.on('grant.revoked', () => {
        one.revoked += 1;
      });
    },
    mint: (resource, client = PUBLIC) => mint(provider!, resource, client.client_id),
    kill: () => kill(server),
  };
  return one;
}

function makeProvider(issuer: string): Provider {
  const client = { redirect_uris: [REDIRECT], grant_types: ['authorization_code', 'refresh_token'] };
  const provider = new Provider(issuer, {
    clients: [
      { ...client, ...PUBLIC, token_endpoint_auth_method: 'none' },
      { ...client, ...CONFIDENTIAL, token_endpoint_auth_method: 'client_secret_basic' },
    ],
    clientBasedCORS: () => true,
    rotateRefreshToken: true,
    ttl: { AccessToken: 600, RefreshToken: 3600, Grant: 3600 },
    findAccount: (_: unknown, accountId: string) => ({ accountId, claims: () => ({ sub: accountId }) }),
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_: unknown, audience: string) => ({
          scope: SCOPE,
          audience,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 600,
        }),
      },
    },
  });
  // URLs in its answers are those of the guard, which passes them in X-Forwarded-Host and -Proto.
  provider.proxy = true;
  return provider;
}

async function mint(provider: Provider, resource: string, clientId: string): Promise<OAuthTokens> {
  const client = (await provider.Client.find(clientId))!;
  const accountId = randomUUID();
  const grant = new provider.Grant({ accountId, clientId });
  grant.addOIDCScope(SCOPE);
  grant.addResourceScope(resource, SCOPE);
  const grantId = await grant.save();
  const common = { accountId, client, grantId, gty: 'authorization_code', scope: SCOPE };
  const refresh_token = await new provider.RefreshToken({ ...common, resource }).save();
  // The stamp that clients put on what they have got from this issuer.
  const stamp = { issuer: `${provider.issuer}/` };
  return { access_token: `expired-${randomUUID()}`, token_type: 'Bearer', refresh_token, ...stamp };
}

export interface ProtectedServer {
  readonly url: string;
  kill(): Promise<void>;
}

/**
 * An MCP server that takes the access tokens of the authorization server (a JWT, in this test world) and answers
 * 401 to any other, with the metadata that leads clients to the authorization server.
 */
export async function startProtectedServer(
  place: () => {
    readonly resource: string;
    readonly issuer: string;
  },
): Promise<ProtectedServer> {
  const server = createServer((req, res) => {
    const { resource, issuer } = place();
    if (req.url!.startsWith('/.well-known/oauth-protected-resource')) {
      res.setHeader('content-type', 'application/json');
      res.end(JSON.stringify({ resource, authorization_servers: [issuer] }));
    } else if (!req.headers.authorization?.startsWith('Bearer ey')) {
      const metadata = `${new URL(resource).origin}/.well-known/oauth-protected-resource/mcp`;
      res.writeHead(401, { 'www-authenticate': `Bearer resource_metadata="${metadata}"` }).end();
    } else void serveMcp(req, res);
  });
  return { url: await listen(server), kill: () => kill(server) };
}

async function serveMcp(...[req, res]: Parameters<RequestListener>): Promise<void> {
  const mcp = new McpServer({ name: 'protected', version: '1.0.0' });
  mcp.registerTool('hello', {}, () => ({ content: [{ type: 'text', text: 'hello' }] }));
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: undefined,
    enableJsonResponse: true,
  });
  await mcp.connect(transport);
  await transport.handleRequest(req, res);
}

/** What a client keeps, and what happened to it. */
export interface Wallet {
  readonly provider: OAuthClientProvider;
  tokens: OAuthTokens | undefined;
  /** Interactive log-ins that were begun. */
  logIns: number;
  /** What was thrown away. */
  readonly invalidated: string[];
}

/** A store of tokens as hosts have it, for the clients of either SDK. */
export function makeWallet(
  tokens: OAuthTokens,
  client: OAuthClientInformationMixed & { readonly client_secret?: string } = PUBLIC,
): Wallet {
  let discovery: unknown;
  let information = client;
  const wallet: Wallet = {
    tokens,
    logIns: 0,
    invalidated: [],
    provider: {
      redirectUrl: REDIRECT,
      clientMetadata: { redirect_uris: [REDIRECT], scope: SCOPE },
      clientInformation: () => information,
      saveClientInformation: (saved) => {
        information = saved;
      },
      tokens: () => wallet.tokens,
      saveTokens: (saved) => {
        wallet.tokens = saved;
      },
      redirectToAuthorization: () => {
        wallet.logIns += 1;
      },
      saveCodeVerifier: () => {},
      codeVerifier: () => 'verifier',
      discoveryState: () => discovery as undefined,
      saveDiscoveryState: (state) => {
        discovery = state;
      },
      invalidateCredentials: (scope) => {
        wallet.invalidated.push(scope);
        if (scope === 'all' || scope === 'tokens') wallet.tokens = undefined;
      },
    },
  };
  return wallet;
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    );
  });
}

function kill(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
