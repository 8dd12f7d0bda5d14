import { isIP } from 'node:net';

/** Whether a Host header names this machine or an address: a page of somebody else's cannot (DNS rebinding). */
function isLoopbackHost(host: string | undefined): boolean {
  if (host === undefined) return true;
  const name = host.replace(/:\d*$/, '').replace(/^\[|\]$/g, '');
  return name === 'localhost' || name.endsWith('.localhost') || isIP(name) !== 0;
}

/** Asks that of each request, where the Host is nearly always that of the one before. */
export function loopbackHosts(): (host: string | undefined) => boolean {
  let known: string | undefined;
  return (host) => {
    if (host === known) return true;
    if (!isLoopbackHost(host)) return false;
    known = host;
    return true;
  };
}
