/** An upstream that is the guard itself: one request would go round until no connection is left. */
import { AllclearError, isLoopback } from '../kernel/index.ts';

/**
 * @param upstreams URLs of servers
 * @param own URLs of the guard's listeners
 * @param option how the upstream is named on the command line
 * @throws AllclearError `E_BAD_VALUE`
 */
export function refuseOwnListener(
  upstreams: readonly string[],
  own: readonly string[],
  option: string,
): void {
  const loop = upstreams.find((one) => own.some((listener) => isSamePlace(new URL(one), new URL(listener))));
  if (loop === undefined) return;
  throw new AllclearError('E_BAD_VALUE', {
    what: `${option} ${loop} is where this guard listens itself`,
    next: 'Name the address of the server, or let the guard listen elsewhere: --listen 127.0.0.1:8080.',
  });
}

function isSamePlace(upstream: URL, listener: URL): boolean {
  if (portOf(upstream) !== portOf(listener)) return false;
  const [there, here] = [hostOf(upstream), hostOf(listener)];
  return there === here || (isLoopback(there) && (isLoopback(here) || here === '0.0.0.0' || here === '::'));
}

function portOf({ port, protocol }: URL): string {
  return port || (protocol === 'https:' ? '443' : '80');
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}
