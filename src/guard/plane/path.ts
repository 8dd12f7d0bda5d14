import type { Upstream } from '../policy/upstreams.ts';

/**
 * The path for the upstream. A path that already begins with the upstream's own, and everything under
 * `/.well-known/`, is passed as it is; any other is put below the upstream's path.
 */
export function upstreamPath(upstream: Upstream, url: string): string {
  const { basePath } = upstream;
  if (basePath === '' || url.startsWith('/.well-known/')) return url;
  if (url.startsWith(basePath) && (url.length === basePath.length || '/?'.includes(url[basePath.length]!)))
    return url;
  return url === '/' ? basePath : basePath + url;
}

/** The URL without its query. */
export function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}
