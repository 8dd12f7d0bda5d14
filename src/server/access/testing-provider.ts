/** A real OpenID Connect provider for tests; whoever comes is logged in at once as the person it is set to. */
import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type JWK, Provider } from 'oidc-provider';
import { Agent, fetch as undiciFetch } from 'undici';

export interface TestProvider {
  readonly issuer: string;
  /** Who sits before the browser. */
  person: { sub: string; [claim: string]: unknown };
  /** How far its clock is off: moves the times of the ID tokens that it makes. */
  secondsOff: number;
  close(): Promise<void>;
}

export const CLIENT = { id: 'allclear', secret: 'a secret with : & % in it' };

/** @param redirectUris where the service is */
export async function startTestProvider(
  redirectUris: readonly string[],
  options: { auth?: 'client_secret_basic' | 'client_secret_post' | 'none'; port?: number } = {},
): Promise<TestProvider> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const test: TestProvider = {
    issuer,
    person: { sub: '1', email: 'ada@example.org', email_verified: true, groups: ['sre'] },
    secondsOff: 0,
    close: () => closed(server),
  };
  const provider = makeProvider(test, redirectUris, options.auth ?? 'client_secret_basic');
  const handle = provider.callback();
  server.on('request', (request, response) => {
    if (request.url === '/token') moveIdToken(response, test);
    if (!request.url?.startsWith('/interaction/')) return void handle(request, response);
    const result = { login: { accountId: test.person.sub }, consent: {} };
    void provider.interactionFinished(request, response, result);
  });
  return test;
}

function makeProvider(
  test: TestProvider,
  redirectUris: readonly string[],
  auth: 'client_secret_basic' | 'client_secret_post' | 'none',
): Provider {
  return new Provider(test.issuer, {
    clients: [
      {
        client_id: CLIENT.id,
        ...(auth !== 'none' && { client_secret: CLIENT.secret }),
        token_endpoint_auth_method: auth,
        redirect_uris: [...redirectUris],
        application_type: redirectUris.some((uri) => uri.startsWith('http:')) ? 'native' : 'web',
      },
    ],
    clientAuthMethods: [auth],
    claims: {
      openid: ['sub'],
      profile: ['preferred_username', 'groups', 'realm'],
      email: ['email', 'email_verified'],
    },
    cookies: { keys: ['test'] },
    features: { devInteractions: { enabled: false } },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ ...test.person, sub }) }),
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    jwks: { keys: [key] },
    loadExistingGrant: async ({ oidc }) => {
      const grant = new oidc.provider.Grant({
        accountId: oidc.session!.accountId!,
        clientId: oidc.client!.clientId,
      });
      grant.addOIDCScope('openid profile email');
      await grant.save();
      return grant;
    },
    pkce: { required: () => true },
    ttl: {
      AccessToken: 60,
      AuthorizationCode: 60,
      Grant: 60,
      Interaction: 60,
      Session: 60,
      IdToken: 60,
    },
  });
}

const key: JWK = {
  ...(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }) as JWK),
  alg: 'RS256',
  use: 'sig',
};

/** Signs the ID token of the answer anew, as a provider does whose clock is wrong. */
function moveIdToken(response: ServerResponse, { secondsOff }: TestProvider): void {
  if (secondsOff === 0) return;
  const end = response.end.bind(response) as (body: string) => ServerResponse;
  response.end = ((body: string) => {
    const answer = JSON.parse(body) as { id_token?: string };
    if (answer.id_token !== undefined) answer.id_token = moved(answer.id_token, secondsOff);
    return end(JSON.stringify(answer));
  }) as typeof response.end;
}

function moved(token: string, seconds: number): string {
  const [head, payload] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload!, 'base64url').toString()) as { iat: number; exp: number };
  const later = { ...claims, iat: claims.iat + seconds, exp: claims.exp + seconds };
  const text = `${head}.${Buffer.from(JSON.stringify(later)).toString('base64url')}`;
  const signature = sign(
    'RSA-SHA256',
    Buffer.from(text),
    createPrivateKey({ key: key as never, format: 'jwk' }),
  );
  return `${text}.${signature.toString('base64url')}`;
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

type Answer = Awaited<ReturnType<typeof undiciFetch>>;

/** As much of a browser as a log-in needs: cookies by origin, redirects one by one. */
export class TestBrowser {
  readonly #jars = new Map<string, Map<string, string>>();
  /** Without connections that are kept: servers come and go under one address here. */
  readonly #dispatcher = new Agent({ pipelining: 0 });

  cookies(url: string): Map<string, string> {
    const { origin } = new URL(url);
    const jar = this.#jars.get(origin) ?? new Map<string, string>();
    this.#jars.set(origin, jar);
    return jar;
  }

  /** One request; what its answer says of cookies is kept. */
  async go(url: string, init: { method?: string; headers?: Record<string, string>; body?: string } = {}) {
    const jar = this.cookies(url);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { accept: 'text/html', ...(cookie !== '' && { cookie }), ...init.headers };
    const answer = await undiciFetch(url, {
      redirect: 'manual',
      dispatcher: this.#dispatcher,
      ...init,
      headers,
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
      if (/max-age=0|expires=Thu, 01 Jan 1970/i.test(line) || value === '') jar.delete(name!);
      else jar.set(name!, value!);
    }
    return answer;
  }

  /** Follows redirects until one leads to an address that `until` knows, or there is none. */
  async follow(
    url: string,
    until: (url: string) => boolean = () => false,
  ): Promise<{ url: string; answer: Answer }> {
    let at = url;
    for (let hop = 0; hop < 12; hop++) {
      const answer = await this.go(at);
      const next = answer.headers.get('location');
      if (next === null) return { url: at, answer };
      await answer.arrayBuffer();
      at = new URL(next, at).href;
      if (until(at)) return { url: at, answer };
    }
    throw new Error(`too many redirects, at last to ${at}`);
  }
}
