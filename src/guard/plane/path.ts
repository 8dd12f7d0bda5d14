import type { Upstream } from '../policy/upstreams.ts';

/**
 * The path for the upstream. A path that already begins with the upstream's own, and everything under
 * `/.well-known/`, is passed as it is; any other is put below the upstream's path.
 */
export function upstreamPath(upstream: Upstream, target: string): string {
  const { basePath } = upstream;
  const url = originForm(target);
  // `*` stays what it is: no path.
  if (basePath === '' || !url.startsWith('/') || url.startsWith('/.well-known/')) return url;
  if (url.startsWith(basePath) && (url.length === basePath.length || '/?'.includes(url[basePath.length]!)))
    return url;
  return url === '/' ? basePath : basePath + url;
}

/**
 * A request's target as a path. `http://any.host/path`, as it is sent to proxies (RFC 9112, 3.2.2), asks for the
 * path here too; passed on as it is, it could lead an upstream that is a proxy itself anywhere.
 */
export function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const authority = /^https?:\/\/[^/?#]*/i.exec(target);
  if (!authority) return target;
  const path = target.slice(authority[0].length);
  return path.startsWith('/') ? path : `/${path}`;
}

/**
 * Where a redirect leads the client. One of the upstream to itself (servers make it of the Host that they see, for a
 * slash at the end) would lead past the guard, so it becomes a path; any other stays as it is.
 * @param scheme with which the client has come: servers that know it use it
 */
export function throughGuard(location: string, upstream: Upstream, scheme: string): string {
  const url = URL.parse(location);
  const home = new URL(upstream.origin);
  if (url?.host !== home.host || (url.protocol !== home.protocol && url.protocol !== `${scheme}:`))
    return location;
  return originForm(location);
}

/** The target without its query. */
export function pathOf(target: string): string {
  const url = originForm(target);
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}
