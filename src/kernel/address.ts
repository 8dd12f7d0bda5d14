/** Addresses to listen on. */
import { AllclearError } from './errors.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `host:port`, `[v6]:port`, `:port` or `port`.
 * @throws AllclearError `E_BAD_VALUE`, naming the option
 */
export function parseAddress(text: string, option: string): Address {
  const match = /^(?:(?<host>\[[0-9a-fA-F:.]+\]|[^\s:[\]]*):)?(?<port>\d{1,5})$/.exec(text.trim());
  const port = Number(match?.groups?.['port']);
  if (!match || port > 65_535) {
    throw new AllclearError('E_BAD_VALUE', {
      what: `--${option} cannot be "${text.slice(0, 100)}"`,
      next: 'It takes host:port, for example 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080; port 0 takes a free one.',
    });
  }
  return { host: match.groups?.['host']?.replace(/^\[|\]$/g, '') || '127.0.0.1', port };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
