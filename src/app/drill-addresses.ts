import { connect } from 'node:net';
import { AllclearError } from '../kernel/index.ts';
import { freePort } from '../lab/index.ts';

const LISTEN = '127.0.0.1:8080';
const ADMIN = '127.0.0.1:9090';

export interface DrillAddresses {
  readonly listen: string;
  readonly admin: string;
  /** Says which usual port was taken, if one was. */
  readonly notice: string | null;
}

/**
 * Where the lab's guard listens: what was asked for, else the usual ports, else free ones. An address
 * that was asked for and is taken is refused when the guard starts.
 */
export async function chooseAddresses(asked: { listen?: string; admin?: string }): Promise<DrillAddresses> {
  const listen =
    asked.listen === undefined ? await usualOrFree(LISTEN) : await checked('--listen', asked.listen);
  const admin = asked.admin === undefined ? await usualOrFree(ADMIN) : await checked('--admin', asked.admin);
  const moved = [
    ...(asked.listen === undefined && listen !== LISTEN ? [LISTEN] : []),
    ...(asked.admin === undefined && admin !== ADMIN ? [ADMIN] : []),
  ];
  const notice =
    moved.length === 0 ? null : `${moved.join(' and ')} taken by another program: using a free port`;
  return { listen, admin, notice };
}

/** A loopback `host:port`; `:PORT` and `PORT` mean 127.0.0.1. */
async function checked(option: string, text: string): Promise<string> {
  const match = /^(?:(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost)?:)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (!match || port > 65_535) {
    throw new AllclearError('E_BAD_VALUE', {
      what: `${option} cannot be "${text}"`,
      next: 'A lab listens on loopback only: give 127.0.0.1:PORT, for example 127.0.0.1:18080.',
    });
  }
  const host = match[1] ?? '127.0.0.1';
  return `${host}:${port === 0 ? await freePort() : port}`;
}

async function usualOrFree(address: string): Promise<string> {
  return (await isTaken(address)) ? `127.0.0.1:${await freePort()}` : address;
}

function isTaken(address: string): Promise<boolean> {
  const [host, port] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) });
    const done = (taken: boolean) => {
      socket.destroy();
      resolve(taken);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}
