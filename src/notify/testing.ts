/** A real HTTP receiver for tests that can fail, hang and refuse. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type NotificationsConfig, notificationsSchema, readTargets, type Target } from './config.ts';

export interface Got {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What to answer: a status with headers and text, or `hang` for nothing at all. */
export type Answer =
  | 'hang'
  | { readonly status: number; readonly headers?: Record<string, string>; readonly text?: string };

export interface Receiver {
  readonly url: string;
  /** In order of arrival. */
  readonly got: Got[];
  /** Answers to the next messages; when they are used up, 200. */
  readonly answers: Answer[];
  close(): Promise<void>;
}

export async function startReceiver(): Promise<Receiver> {
  const got: Got[] = [];
  const answers: Answer[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      got.push({ path: req.url!, headers: req.headers, body: Buffer.concat(chunks).toString() });
      const answer = answers.shift() ?? { status: 200 };
      if (answer === 'hang') return;
      res.writeHead(answer.status, { 'content-type': 'text/plain', ...answer.headers });
      res.end(answer.text ?? '');
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${port}/hooks/T0-secret-path`, got, answers, close };
}

/** Targets from configuration as it stands in a file. */
export function targetsOf(
  config: readonly object[],
  env: Readonly<Record<string, string>> = {},
): Promise<Target[]> {
  const parsed: NotificationsConfig = notificationsSchema.parse(config);
  return readTargets(parsed, { env, readFile: () => Promise.reject(new Error('no files here')) });
}
