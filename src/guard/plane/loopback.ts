import { isIP } from 'node:net';

/** Whether a Host header names this machine or an address: a page of somebody else's cannot (DNS rebinding). */
export function isLoopbackHost(host: string | undefined): boolean {
  if (host === undefined) return true;
  const name = host.replace(/:\d*$/, '').replace(/^\[|\]$/g, '');
  return name === 'localhost' || name.endsWith('.localhost') || isIP(name) !== 0;
}
