/**
 * `--host` mappings: an unmodified `curl http://mcp-server:9090/…` in a runbook reaches another machine.
 * curl reads `connect-to` from a `.curlrc` that we make for each run and name in CURL_HOME.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AllclearError } from '../kernel/index.ts';
import type { HostMapping } from './model.ts';

const NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?$/;

/**
 * Reads `mcp-server=127.0.0.1`, `mcp-server=127.0.0.1:39090`, `mcp-server:9090=[::1]:39090`.
 * Errors: `E_USAGE`.
 */
export function parseHostMapping(text: string): HostMapping {
  const equals = text.indexOf('=');
  const from = equals === -1 ? null : endpoint(text.slice(0, equals));
  const to = equals === -1 ? null : endpoint(text.slice(equals + 1));
  if (!from || !to) {
    throw new AllclearError('E_USAGE', {
      what: `"${text}" is not a host mapping`,
      next: 'Write NAME[:PORT]=ADDRESS[:PORT], for example --host mcp-server=127.0.0.1.',
    });
  }
  return { host: from.host, port: from.port, toHost: to.host, toPort: to.port };
}

function endpoint(text: string): { host: string; port: number | null } | null {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(text.trim());
  if (!match) return null;
  const host = match[1]!;
  const port = match[2] === undefined ? null : Number(match[2]);
  if (!host.startsWith('[') && !NAME.test(host)) return null;
  if (port !== null && (port < 1 || port > 65_535)) return null;
  return { host, port };
}

/** The lines of a `.curlrc`, one `connect-to` for each mapping (HOST1:PORT1:HOST2:PORT2, empty: any, same). */
export function curlConfig(hosts: readonly HostMapping[]): string {
  return hosts
    .map(
      ({ host, port, toHost, toPort }) => `connect-to = "${host}:${port ?? ''}:${toHost}:${toPort ?? ''}"\n`,
    )
    .join('');
}

/** The caller's own `.curlrc` (proxy settings …), to be kept beside the mappings. */
export function ownConfig(home: string | undefined): string {
  if (home === undefined) return '';
  try {
    return readFileSync(join(home, '.curlrc'), 'utf8');
  } catch {
    return '';
  }
}

/** The address that a URL reaches under the mappings, for requests that do not go through curl. */
export function mapUrl(url: URL, hosts: readonly HostMapping[]): URL {
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  const mapping = hosts.find(
    (candidate) => candidate.host === url.hostname && (candidate.port ?? port) === port,
  );
  if (!mapping) return url;
  const mapped = new URL(url);
  mapped.hostname = mapping.toHost;
  mapped.port = String(mapping.toPort ?? port);
  return mapped;
}
