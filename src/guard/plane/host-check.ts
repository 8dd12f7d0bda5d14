import { isIP } from 'node:net';

/** Why a request is not for this listener. */
export type HostProblem = 'several' | 'foreign';

/** Whether a Host header names this machine or an address: a page of somebody else's cannot (DNS rebinding). */
function isLoopbackHost(host: string): boolean {
  const name = host.replace(/:\d*$/, '').replace(/^\[|\]$/g, '');
  return name === 'localhost' || name.endsWith('.localhost') || isIP(name) !== 0;
}

/**
 * Makes the check of each request's Host header, which is nearly always that of the one before.
 * @param loopback the listener is bound to a loopback address, so only loopback names may reach it
 */
export function hostCheck(loopback: boolean): (host: string | undefined) => HostProblem | null {
  let known: string | undefined;
  return (host) => {
    if (host === undefined || host === known) return null;
    // Several are joined to one. What stands in front may have gone by another than we do (RFC 9112, 3.2).
    if (host.includes(',')) return 'several';
    if (loopback && !isLoopbackHost(host)) return 'foreign';
    known = host;
    return null;
  };
}
