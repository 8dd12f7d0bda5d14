/** Where the service listens, and how it stops listening. */
import { type Address, AllclearError, type Clock, systemCode } from '../kernel/index.ts';
import type { App } from '../server/index.ts';

/** @throws AllclearError `E_PORT_IN_USE`, `E_BAD_VALUE` (not an address of this machine) */
export async function listen(app: App, { host, port }: Address): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (cause) {
    const shown = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    if (systemCode(cause) === 'EADDRINUSE') {
      throw new AllclearError('E_PORT_IN_USE', {
        what: `another program already listens on ${shown}`,
        next: 'Stop it, or choose another address with --listen (port 0 takes a free one).',
        cause,
      });
    }
    throw new AllclearError('E_BAD_VALUE', {
      what: `cannot listen on ${shown} (${systemCode(cause) ?? String(cause)})`,
      next: 'Choose an address of this machine with --listen.',
      cause,
    });
  }
}

/** Takes no more connections and ends; answers that take longer than `seconds` are cut. */
export async function drain(app: App, seconds: number, clock: Clock): Promise<void> {
  const cancel = clock.after(seconds * 1000, () => app.server.closeAllConnections());
  await app.close();
  cancel();
}
