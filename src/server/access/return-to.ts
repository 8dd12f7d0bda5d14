/**
 * Where to go after a log-in: a path of this server, and never another site. Browsers take `//host`, `/\host`
 * and paths with tabs or newlines in them for other sites.
 */
export function localPath(wanted: string | undefined): string {
  if (wanted === undefined || wanted.length > 2_000 || !/^\/(?![/\\])[\u0021-\u007e]*$/.test(wanted))
    return '/';
  const base = 'http://own.invalid';
  const url = URL.parse(wanted, base);
  if (url?.origin !== base || /^\/(?:[/\\]|login|logout)/.test(url.pathname)) return '/';
  return `${url.pathname}${url.search}${url.hash}`;
}
