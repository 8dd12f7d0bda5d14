import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');

/** A real `allclear serve`. */
export interface Service {
  readonly url: string;
  readonly webhook: string;
  readonly token: string;
  /** The file with the token. */
  readonly tokenFile: string;
  /** As a power cut does. */
  kill(): Promise<void>;
}

/** @param folder its runbooks @param location its store */
export async function startService(folder: string, location: string): Promise<Service> {
  const env = { ...process.env, ALLCLEAR_HOME: folder, ALLCLEAR_STORE: location };
  const words = ['token', 'create', '--owner', 'alertmanager', '--role', 'responder', '--json'];
  const made = await promisify(execFile)(process.execPath, [MAIN, ...words], { env });
  const { token } = JSON.parse(made.stdout) as { token: string };
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, token);
  const config = join(folder, 'allclear.yaml');
  // The limit of requests a minute is not what is measured.
  writeFileSync(config, 'limits: {per-actor: 1000000, per-address: 1000000}\n');
  const args = ['serve', '--listen', '127.0.0.1:0', '--runbooks', folder, '--config', config];
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const { url } = JSON.parse(line.toString()) as { url: string };
  return {
    url,
    token,
    tokenFile,
    webhook: `${url}/api/v1/webhooks/alertmanager`,
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}
