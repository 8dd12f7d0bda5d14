/**
 * Which names the service answers to, and from which pages it takes requests: a page that points its own
 * name at this machine (DNS rebinding), or simply calls it, gets nothing.
 */
import { isIP } from 'node:net';
import { AllclearError } from '../../kernel/index.ts';

export interface OwnNames {
  /** Where people reach the service, when a proxy or a name stands before it. */
  readonly publicUrl: URL | null;
  /** Further host names, in lower case, without port. */
  readonly hosts: readonly string[];
}

interface Headers {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
}

/** @throws `E_HOST`, `E_ORIGIN` */
export function requireOwnNames(headers: Headers, own: OwnNames): void {
  requireOwnHost(headers.host, own);
  if (headers.origin !== undefined && !isOwnOrigin(headers, own)) throw foreign(headers.origin);
}

/**
 * What a browser writes with a cookie must come from our own page. Every current browser sends `Origin` with
 * what is not GET or HEAD; `SameSite` alone would let through a page of a neighbouring subdomain.
 * @throws `E_ORIGIN`
 */
export function requireOwnPage(headers: Headers, own: OwnNames): void {
  if (!isOwnOrigin(headers, own)) throw foreign(headers.origin);
}

/** Rebinding needs a name of the attacker's: addresses and localhost are safe; so is no name (HTTP/1.0). */
function requireOwnHost(host: string | undefined, own: OwnNames): void {
  if (host === undefined || host === '') return;
  const name = hostName(host);
  if (name === 'localhost' || isIP(name) !== 0) return;
  if (name === own.publicUrl?.hostname || own.hosts.includes(name)) return;
  throw new AllclearError('E_HOST', {
    what: `this service does not go by the name "${name.slice(0, 100)}"`,
    next: 'Start it with --public-url, or add the name to `hosts:` in the configuration file.',
  });
}

/** Its host is the one that the request names, or the public one. The scheme may be a proxy's affair. */
function isOwnOrigin({ host, origin }: Headers, own: OwnNames): boolean {
  const url = origin === undefined ? null : URL.parse(origin);
  if (url === null || !/^https?:$/.test(url.protocol)) return false;
  return (
    url.origin === own.publicUrl?.origin || (host !== undefined && url.host === withoutDefaultPort(url, host))
  );
}

function withoutDefaultPort({ protocol }: URL, host: string): string {
  return URL.parse(`${protocol}//${host}`)?.host ?? '';
}

/** `[::1]:8080` → `::1`, `Example.org.:80` → `example.org`; what cannot be a host stays as it is. */
function hostName(host: string): string {
  const name = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(host);
  return (name?.[1] ?? name?.[2] ?? host).toLowerCase().replace(/\.$/, '');
}

function foreign(origin: string | undefined): AllclearError {
  return new AllclearError('E_ORIGIN', {
    what:
      origin === undefined
        ? 'a change by cookie must say which page it comes from'
        : `a page of ${origin.slice(0, 100)} may not call this service`,
    next: 'Programs send a token instead of a cookie. Behind a proxy, set --public-url to the address that people see.',
  });
}
