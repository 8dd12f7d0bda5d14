import type { IncomingMessage, RequestListener } from 'node:http';
import { type Expected, type Refusal, refusalOf } from './bearer.ts';

const METADATA = '/.well-known/oauth-protected-resource';

/**
 * Lets requests with a good access token through to the MCP server, and tells the others where to get
 * one (RFC 9728): 401 with the URL of the metadata in `WWW-Authenticate`.
 */
export function requireToken(
  next: RequestListener,
  expect: () => Omit<Expected, 'audience'>,
): RequestListener {
  return (request, response) => {
    const expected = { ...expect(), audience: resourceOf(request) };
    if (request.url?.startsWith(METADATA)) {
      const metadata = {
        resource: expected.audience,
        authorization_servers: [expected.issuer],
        bearer_methods_supported: ['header'],
      };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(metadata));
      return;
    }
    const refusal = refusalOf(request.headers.authorization, expected);
    if (refusal === null) return next(request, response);
    request.resume();
    response.writeHead(401, { 'www-authenticate': challenge(request, refusal) }).end();
  };
}

function challenge(request: IncomingMessage, refusal: Refusal): string {
  const where = `resource_metadata="${new URL(`${METADATA}/mcp`, resourceOf(request)).href}"`;
  return refusal === 'missing'
    ? `Bearer ${where}`
    : `Bearer error="invalid_token", error_description="${refusal}", ${where}`;
}

/** This server as its clients know it: behind a proxy, under the proxy's name. */
function resourceOf(request: IncomingMessage): string {
  const { 'x-forwarded-host': forwarded, host } = request.headers;
  return `http://${typeof forwarded === 'string' ? forwarded : host}/mcp`;
}
