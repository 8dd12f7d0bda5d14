/**
 * A real PostgreSQL for tests: a server of its own in a temporary folder, on a free port of the loopback interface.
 *
 * `await freshDatabase()` gives a new, empty database on one server that all tests of the process share; the server ends
 * with the process, however that ends. `await startPostgres()` gives a server that a test may stop and start again.
 * Where PostgreSQL is not installed, `postgresMissing` says so: use `describe.skipIf(postgresMissing)`. With CI set it
 * throws instead, so that nobody believes a suite that did not run.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';

export interface PostgresOptions {
  /** Wait for the disk at every commit, as in production. Default false: tests are quicker. */
  readonly fsync?: boolean;
  /** Further settings, `name=value`. */
  readonly settings?: readonly string[];
  /** Where its own folder is made. Default the system's for temporary files. */
  readonly parent?: string;
}

export interface PostgresServer {
  readonly port: number;
  readonly folder: string;
  /** A superuser's URL, no password needed. */
  url(database: string): string;
  /** A new, empty database: UTF-8, sorted as English people do, unlike SQLite. */
  freshDatabase(): Promise<FreshDatabase>;
  /** One statement as superuser. */
  query(text: string, database?: string): Promise<Record<string, unknown>[]>;
  /** `fast` ends connections in order; `immediate` is a crash. Data stays. */
  halt(how?: 'fast' | 'immediate'): Promise<void>;
  /** Starts a server that was halted, or that has given up, on the same port and data. Nothing when it runs. */
  resume(): Promise<void>;
  /** Ends it and removes its folder. */
  remove(): Promise<void>;
}

export interface FreshDatabase {
  readonly name: string;
  readonly url: string;
  readonly server: PostgresServer;
  drop(): Promise<void>;
}

const bin = findBinaries();
const INSTALL = 'PostgreSQL is missing: apt-get update && apt-get install -y postgresql';

/** What is missing and how to install it; null when PostgreSQL is there. */
export const postgresMissing: string | null = bin === null ? INSTALL : null;
if (postgresMissing !== null) {
  if (process.env['CI']) throw new Error(postgresMissing);
  console.warn(postgresMissing);
}

let shared: Promise<PostgresServer> | undefined;

/** The server that the tests of this process share. The first call starts it: seconds, on a busy machine. */
export function sharedPostgres(): Promise<PostgresServer> {
  shared ??= startPostgres();
  return shared;
}

/** A new, empty database on the shared server. */
export async function freshDatabase(): Promise<FreshDatabase> {
  return (await sharedPostgres()).freshDatabase();
}

/** Starts a server of the test's own. End it with `remove`. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  if (bin === null) throw new Error(INSTALL);
  const owner = unprivileged();
  const folder = mkdtempSync(join(options.parent ?? tmpdir(), 'allclear-pg-'));
  if (owner) chownSync(folder, owner.uid, owner.gid);
  const data = join(folder, 'data');
  const init = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
  const made = spawnSync(join(bin, 'initdb'), init, { ...owner, cwd: folder, encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  // The superuser without a password; everybody else needs one.
  const rights = [
    'local all postgres trust',
    'host all postgres 127.0.0.1/32 trust',
    'host all all 127.0.0.1/32 scram-sha-256',
  ];
  writeFileSync(join(data, 'pg_hba.conf'), `${rights.join('\n')}\n`);
  const port = await freePort();
  const settings = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${folder}`,
    `fsync=${options.fsync ? 'on' : 'off'}`,
    'max_connections=200',
    ...(options.settings ?? []),
  ];
  return runServer(folder, port, settings, owner);
}

type Owner = { uid: number; gid: number };

async function runServer(
  folder: string,
  port: number,
  settings: readonly string[],
  owner: Owner | undefined,
): Promise<PostgresServer> {
  let child = await startServer(folder, port, settings, owner);
  let made = 0;
  const server: PostgresServer = {
    port,
    folder,
    url: (database) => `postgres://postgres@127.0.0.1:${port}/${database}`,
    query: (text, database = 'postgres') => runQuery(server.url(database), text),
    freshDatabase: async () => {
      made += 1;
      const name = `t${made}_${process.pid}`;
      await server.query(
        `create database ${name} template template0 encoding 'UTF8' locale_provider icu icu_locale 'en-US' locale 'C'`,
      );
      const drop = async () => void (await server.query(`drop database if exists ${name} with (force)`));
      return { name, url: server.url(name), server, drop };
    },
    halt: async (how = 'fast') => {
      const pid = Number(readFileSync(join(folder, 'data', 'postmaster.pid'), 'utf8').split('\n')[0]);
      // Whoever waits for its end stays until then.
      child.ref();
      const ended = child.exitCode === null ? once(child, 'exit') : Promise.resolve();
      process.kill(pid, how === 'fast' ? 'SIGINT' : 'SIGQUIT');
      await ended;
    },
    resume: async () => {
      if (child.exitCode === null) return;
      child = await startServer(folder, port, settings, owner);
    },
    remove: async () => {
      if (child.exitCode === null) await server.halt('immediate');
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return server;
}

/**
 * The shell in between ends the server and removes its folder when this process is gone, even by SIGKILL: then its
 * standard input ends.
 */
const KEEPER = `
"$@" >"$FOLDER/log" 2>&1 & server=$!
( cat >/dev/null; : >"$FOLDER/orphan"; kill -QUIT $server ) <&3 & watch=$!
exec 3<&-
wait $server
kill $watch 2>/dev/null
if [ -e "$FOLDER/orphan" ]; then rm -rf "$FOLDER"; fi`;

async function startServer(
  folder: string,
  port: number,
  settings: readonly string[],
  owner: Owner | undefined,
): Promise<ChildProcess> {
  const command = [
    join(bin!, 'postgres'),
    '-D',
    join(folder, 'data'),
    ...settings.flatMap((setting) => ['-c', setting]),
  ];
  const child = spawn('sh', ['-c', `exec 3<&0; ${KEEPER}`, 'keeper', ...command], {
    ...owner,
    cwd: folder,
    env: { PATH: process.env['PATH'], FOLDER: folder },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  for (let attempt = 0; attempt < 300; attempt++) {
    if (child.exitCode !== null)
      throw new Error(`PostgreSQL ended:\n${readFileSync(join(folder, 'log'), 'utf8')}`);
    const ready = await runQuery(`postgres://postgres@127.0.0.1:${port}/postgres`, 'select 1').catch(
      () => null,
    );
    if (ready) return child;
    await pause(100);
  }
  throw new Error('PostgreSQL did not start within 30 s');
}

async function runQuery(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

/** The folder of `initdb` and `postgres`: on the PATH, or where Debian and Homebrew put them; the newest. */
function findBinaries(): string | null {
  const onPath = (process.env['PATH'] ?? '').split(':').filter((folder) => folder !== '');
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a)) : [];
  const homebrew = ['/opt/homebrew/opt/postgresql/bin', '/usr/local/opt/postgresql/bin'];
  const folders = [...onPath, ...versions.map((version) => join(debian, version, 'bin')), ...homebrew];
  return (
    folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres'))) ??
    null
  );
}

/** PostgreSQL refuses to run as root: then it runs as the user that its package has made. */
function unprivileged(): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string, user: string) =>
    Number(execFileSync('id', [flag, user], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  for (const user of ['postgres', 'nobody']) {
    try {
      return { uid: id('-u', user), gid: id('-g', user) };
    } catch {
      // The next one.
    }
  }
  return undefined;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
