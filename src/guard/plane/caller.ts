/** Who makes a tool call, as far as the request tells. */
import type { IncomingMessage } from 'node:http';
import type { Caller } from '../policy/passage.ts';

/**
 * The session in the older era; else the credential, hashed; else the address, which many may share (a proxy in
 * front of the guard says more in X-Forwarded-For). Sessions mean nothing in the stateless era.
 *
 * @param hash a keyed hash: tokens are not kept
 */
export function callerOf(req: IncomingMessage, session: string, hash: (text: string) => string): Caller {
  if (session !== '') return { key: `session ${session}`, shared: false };
  const credential = req.headers.authorization ?? req.headers['x-api-key'];
  if (credential !== undefined) return { key: `credential ${hash(String(credential))}`, shared: false };
  const address = req.headers['x-forwarded-for'] ?? req.socket.remoteAddress ?? '';
  return { key: `address ${String(address)}`, shared: true };
}
