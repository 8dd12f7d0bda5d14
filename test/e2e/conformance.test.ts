/** The protocol's own conformance scenarios give the same results through the guard as directly. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { startGuard } from '../../src/guard/index.ts';
import { dualHandler } from '../fixtures/conformance/dual-server.ts';
import { sessionHandler } from '../fixtures/conformance/session-server.ts';

const RUNNER = fileURLToPath(import.meta.resolve('@modelcontextprotocol/conformance/package.json'));
const PROGRAM = join(RUNNER, '..', 'dist', 'index.js');
const TIMEOUT_MS = 60_000;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

async function serve(handler: RequestListener): Promise<string> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function guarded(...upstreams: readonly string[]): Promise<string> {
  const guard = await startGuard({ upstreams, listen: '127.0.0.1:0', admin: '127.0.0.1:0' });
  cleanups.push(() => guard.stop());
  return guard.listenUrl;
}

/** Runs all scenarios of a revision: what each check of each said, as `id: status` by scenario. */
async function conformance(url: string, revision: string): Promise<Record<string, readonly string[]>> {
  const folder = await mkdtemp(join(tmpdir(), 'conformance-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  const args = [PROGRAM, 'server', '--url', `${url}/mcp`, '--requirements', revision, '-o', folder];
  // It exits with 1 when a scenario fails, which is none of our business here.
  await new Promise<void>((resolve) => {
    execFile(process.execPath, args, { maxBuffer: 1 << 26, timeout: TIMEOUT_MS }, () => resolve());
  });
  const results: Record<string, readonly string[]> = {};
  for (const name of await readdir(folder)) {
    const scenario = /^server-(?<scenario>.+)-\d{4}-\d\d-\d\dT/.exec(name)!.groups!['scenario']!;
    const text = await readFile(join(folder, name, 'checks.json'), 'utf8');
    const checks = JSON.parse(text) as { id: string; status: string }[];
    results[scenario] = checks.map(({ id, status }) => `${id}: ${status}`);
  }
  return results;
}

const passed = (results: Record<string, readonly string[]>) =>
  Object.values(results).filter((checks) => checks.every((check) => !check.endsWith(': FAILURE'))).length;

describe('conformance', () => {
  it.each([
    ['2026-07-28', 'both eras', dualHandler, 35],
    ['2025-11-25', 'both eras, without sessions', dualHandler, 24],
    ['2025-11-25', 'sessions', sessionHandler, 30],
  ] as const)(
    'to %s of a server of %s is the same through the guard as directly',
    async (revision, _kind, handler, least) => {
      const url = await serve(handler());
      const through = await guarded(url);
      const [direct, results] = await Promise.all([
        conformance(url, revision),
        conformance(through, revision),
      ]);
      expect(results).toEqual(direct);
      expect(passed(direct)).toBeGreaterThanOrEqual(least);
    },
    TIMEOUT_MS,
  );

  it(
    'to either revision holds through one guard over a server of each kind',
    async () => {
      const older = await serve(sessionHandler());
      const newer = await serve(dualHandler('reject'));
      const through = await guarded(older, newer);
      const [directOlder, throughOlder, directNewer, throughNewer] = await Promise.all([
        conformance(older, '2025-11-25'),
        conformance(through, '2025-11-25'),
        conformance(newer, '2026-07-28'),
        conformance(through, '2026-07-28'),
      ]);
      expect(throughOlder).toEqual(directOlder);
      expect(throughNewer).toEqual(directNewer);
    },
    TIMEOUT_MS,
  );
});
