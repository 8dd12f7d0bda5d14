import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createSocketServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ShellRequest, ShellResult, Surroundings } from '../model.ts';
import { runShell } from '../shell.ts';
import { testSurroundings } from '../testing.ts';
import { bubblewrap } from './bubblewrap.ts';
import type { Closed, SandboxSettings } from './model.ts';
import { namespaces } from './namespaces.ts';
import { problemOf } from './probe.ts';

/** Outside: a folder with files of ours, a process of ours, a server and a socket of ours. */
const folder = mkdtempSync(join(tmpdir(), 'sandbox-test-'));
let sleeper: ChildProcess;
let server: Server;

const settings: SandboxSettings = { mode: 'auto', network: true, show: [] };
const KINDS: readonly [string, (changes?: Partial<SandboxSettings>) => Closed][] = [
  ['bubblewrap', (changes) => bubblewrap({ ...settings, ...changes }, true)],
  ['namespaces', (changes) => namespaces({ ...settings, ...changes })],
];
const problems = new Map<string, string | null>();
for (const [name, make] of KINDS) problems.set(name, await problemOf(make()));

beforeAll(async () => {
  sleeper = spawn('sleep', ['600'], { stdio: 'ignore' });
  server = createServer((_request, response) => response.end('up 1\n'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  sleeper.kill('SIGKILL');
  server.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  mkdirSync(join(folder, 'kept'), { recursive: true });
  writeFileSync(join(folder, 'kept', 'text'), 'as it was\n', { mode: 0o644 });
});

function surroundings(env: Record<string, string> = {}): Surroundings {
  const base = testSurroundings({ cwd: folder });
  return { ...base, env: { ...base.env, OUTSIDE: String(sleeper.pid), HOME: folder, ...env } };
}

const open = { language: 'bash', surroundings: testSurroundings(), timeoutSeconds: 20 } as const;

function run(sandbox: Closed, command: string, changes: Partial<ShellRequest> = {}): Promise<ShellResult> {
  return runShell({ ...open, surroundings: surroundings(), command, sandbox, ...changes });
}

/** Everything about the folder that a command could change. */
function state(): string {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return JSON.stringify(
    entries.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const { mode, size, mtimeMs, uid } = statSync(path);
      return [path, mode, uid, entry.isFile() ? [size, mtimeMs, readFileSync(path, 'utf8')] : null];
    }),
  );
}

function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** The processes outside that have this word among their arguments. */
function processesWith(word: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(word) && isAlive(Number(pid));
      } catch {
        return false;
      }
    })
    .map(Number);
}

async function allGone(word: string): Promise<boolean> {
  for (let turn = 0; turn < 150 && processesWith(word).length > 0; turn++) await sleep(20);
  return processesWith(word).length === 0;
}

const ATTEMPTS: readonly string[] = [
  'echo changed > kept/text',
  'echo more >> kept/text',
  ': > kept/text',
  'echo x >| kept/text',
  'exec 9<>kept/text; echo x >&9',
  'echo x | tee kept/text',
  'sed -i s/was/is/ kept/text',
  'rm -rf kept',
  'mv kept moved',
  'cp kept/text kept/copy',
  'ln -s / kept/link; ln kept/text kept/hard',
  'touch kept/text kept/new',
  'mkdir new; mkfifo pipe',
  'chmod 000 kept/text; chown 12345 kept/text',
  'truncate -s 0 kept/text',
  'dd if=/dev/zero of=kept/text bs=1 count=10 conv=notrunc',
  'echo x > "$PWD/../$(basename "$PWD")/kept/text"',
  'echo x > /proc/self/cwd/kept/text; echo x > /proc/self/root$PWD/kept/text',
  'echo x > /proc/$OUTSIDE/root$PWD/kept/text; echo x > /proc/1/root$PWD/kept/text',
  'echo x > /proc/$OUTSIDE/cwd/changed; echo x > /proc/$PPID/root$PWD/kept/text',
  'for p in /proc/[0-9]*; do echo x > "$p/root$PWD/kept/text"; echo x > "$p/cwd/new"; done 2>/dev/null',
  'mount -o remount,rw /; mount -o remount,rw,bind "$PWD"; echo x > kept/text',
  'umount -l "$PWD"; umount -l /tmp; echo x > kept/text',
  'unshare -Urm bash -c "mount -o remount,rw,bind / ; mount -o remount,rw,bind $PWD; echo x > kept/text"',
  'unshare -Urm bash -c "umount -l $PWD; umount -l /tmp; echo x > $PWD/kept/text"',
  'nsenter -t "$OUTSIDE" -m -- bash -c "echo x > $PWD/kept/text"',
  'nsenter -t 1 -a -- bash -c "echo x > $PWD/kept/text"',
  'chroot /proc/1/root bash -c "echo x > $PWD/kept/text"',
  'kill -9 "$OUTSIDE"; kill -TERM "$OUTSIDE"; kill -STOP "$OUTSIDE"',
  // Only where it cannot reach far, should the sandbox be none.
  "(($(awk '/^NSpid/ { print NF }' /proc/self/status) > 2)) && kill -9 -1",
  'bash -c "kill -9 -- -$OUTSIDE"; renice 19 "$OUTSIDE"',
  'echo 1000 > /proc/$OUTSIDE/oom_score_adj',
  'echo 0 > /proc/sys/kernel/panic; sysctl -w kernel.panic=0; echo h > /proc/sysrq-trigger',
  'echo 1 > /sys/kernel/mm/ksm/run; mkdir /sys/fs/cgroup/mine',
  'for d in /dev/vda /dev/sda /dev/nvme0n1 /dev/mem /dev/kmsg; do [ -e $d ] && echo "$d is there"; done',
  'mknod device b 8 0; mknod /tmp/device b 8 0 && echo "a device is there"',
];

describe.each(KINDS)('a sandbox by %s', (name, make) => {
  it('is there', (context) => {
    const problem = problems.get(name);
    if (problem === null || process.env['CI']) expect(problem).toBeNull();
    else context.skip(`${problem}: apt-get install -y bubblewrap util-linux, on Linux with user namespaces`);
  });

  describe.skipIf(problems.get(name) !== null)('that is there', () => {
    it.each(ATTEMPTS)('lets nothing be changed outside: %s', async (attempt) => {
      const before = state();
      const files = ['/proc/sys/kernel/panic', `/proc/${sleeper.pid}/oom_score_adj`];
      const values = (): string[] => files.map((file) => readFileSync(file, 'utf8'));
      const valuesBefore = values();
      const { stdout } = await run(make(), attempt, { timeoutSeconds: 5 });
      expect(state()).toBe(before);
      expect(values()).toEqual(valuesBefore);
      expect(isAlive(sleeper.pid!)).toBe(true);
      expect(stdout).not.toContain('is there');
    });

    it('sees what is there: files, the folder it runs in, other processes, the network', async () => {
      const { port } = server.address() as { port: number };
      const command = `cat kept/text; pwd; head -c 5 /etc/passwd >/dev/null && echo passwd
ps -e -o pid= | grep -qw "$OUTSIDE" && echo process; pgrep sleep | grep -qx "$OUTSIDE" && echo pgrep
curl -sS http://127.0.0.1:${port}/metrics`;
      const result = await run(make(), command);
      expect(result).toMatchObject({
        stdout: `as it was\n${folder}\npasswd\nprocess\npgrep\nup 1\n`,
        stderr: '',
        exit: 0,
        blocked: null,
        missingCommand: null,
      });
    });

    it('tells the same of a command as without: exit codes, pipelines, what is missing, what is unreachable', async () => {
      expect(await run(make(), 'echo out; echo err >&2; exit 3')).toMatchObject({
        stdout: 'out\n',
        stderr: 'err\n',
        exit: 3,
      });
      expect(await run(make(), 'false | true')).toMatchObject({ exit: 0, pipeline: [1, 0] });
      expect(await run(make(), 'missing-command-x 2>&1 | grep never')).toMatchObject({
        missingCommand: 'missing-command-x',
      });
      const { unreachable } = await run(make(), 'curl -s http://127.0.0.1:1/metrics | grep x');
      expect(unreachable).toMatch(/^curl could not reach http:\/\/127.0.0.1:1\/metrics: the connection was/);
      expect(await run(make(), 'cat <(echo one) - <<<two', { language: 'bash' })).toMatchObject({
        stdout: 'one\ntwo\n',
      });
      expect((await run(make(), '\ncat </no/such')).stderr).toMatch(
        /check: line 2: \/no\/such: No such file/,
      );
      // Itself, which it cannot know by its number; never the programs that make the sandbox.
      expect((await run(make(), 'pgrep -fc "words that only this has"')).stdout).toBe('1\n');
      expect((await run(make(), 'shopt -oq posix && echo posix', { language: 'sh' })).stdout).toBe('posix\n');
    });

    it('maps hosts for curl', async () => {
      const { port } = server.address() as { port: number };
      const hosts = [{ host: 'mcp-server', port: null, toHost: '127.0.0.1', toPort: port }];
      const result = await run(make(), 'curl -sS http://mcp-server:9090/metrics', {
        surroundings: { ...surroundings(), hosts },
      });
      expect(result.stdout).toBe('up 1\n');
    });

    it('gives room for temporary files, which are gone afterwards', async () => {
      const result = await run(make(), 'f=$(mktemp); echo x > "$f"; echo y > /tmp/out; cat "$f" /tmp/out');
      expect(result.stdout).toBe('x\ny\n');
      expect(existsSync('/tmp/out')).toBe(false);
      expect(readdirSync(tmpdir()).filter((entry) => entry === '.allclear')).toEqual([]);
    });

    it('bounds what can be written to them', async () => {
      const result = await run(make(), 'head -c 1G /dev/zero > /tmp/big; ls -l /tmp/big; echo after');
      expect(Number(/ (\d+) \w+ +\d+ [\d:]+ \/tmp\/big/.exec(result.stdout)?.[1])).toBeLessThanOrEqual(
        64 * 1024 * 1024,
      );
      expect(result.stdout).toContain('after');
    });

    it('hides sockets, and withholds tokens that change things', async () => {
      const socket = join('/tmp', `sandbox-test-${process.pid}.sock`);
      const listener = createSocketServer(() => {}).listen(socket);
      await once(listener, 'listening');
      try {
        const env = {
          SSH_AUTH_SOCK: socket,
          DOCKER_HOST: `unix://${socket}`,
          ALLCLEAR_GUARD_TOKEN: 'secret',
          ALLCLEAR_STORE: 'postgres://u:p@h/db',
          LABEL_X: socket,
        };
        const command = `ls /run /var/run/ | grep -c sock; [ -e ${socket} ] && echo there; env | grep -E "SSH_AUTH|DOCKER|GUARD_TOKEN|STORE"`;
        expect(await run(make(), command, { surroundings: surroundings(env) })).toMatchObject({
          stdout: '0\n',
        });
        const shown = make({ show: [socket] });
        expect((await run(shown, `[ -S ${socket} ] && echo there`)).stdout).toBe('there\n');
      } finally {
        listener.close();
      }
    });

    it('says so of a program that cannot work inside, where its failure would pass for a finding', async () => {
      expect(await run(make(), 'systemctl is-active sshd')).toMatchObject({
        blocked: expect.stringContaining('`systemctl` needs /run/systemd/private or /run/dbus') as string,
      });
      expect(await run(make(), 'x=$(docker ps -q | wc -l); echo "$x"')).toMatchObject({
        blocked: expect.stringContaining('`docker` needs /run/docker.sock') as string,
      });
      expect(await run(make(), 'sudo true || echo no')).toMatchObject({
        blocked: expect.stringContaining('cannot gain rights') as string,
      });
    });

    it('reaches no network where that is configured', async () => {
      const { port } = server.address() as { port: number };
      const { unreachable } = await run(make({ network: false }), `curl -s http://127.0.0.1:${port}/`);
      expect(unreachable).toContain('could not reach');
    });

    it('kills everything at the time-out, also what has left the group and ignores signals', async () => {
      const word = `61${process.pid}.1`;
      const started = performance.now();
      const result = await run(
        make(),
        `trap '' TERM; setsid sleep ${word} & (trap '' TERM; setsid bash -c 'trap "" TERM; sleep ${word}' &) ; nohup sleep ${word} & sleep ${word}`,
        { timeoutSeconds: 1 },
      );
      expect(result).toMatchObject({ timedOut: true, blocked: null });
      expect(performance.now() - started).toBeLessThan(8_000);
      expect(await allGone(`sleep\0${word}`)).toBe(true);
    });

    it('leaves nothing running after a normal end', async () => {
      const word = `62${process.pid}.1`;
      expect(await run(make(), `setsid sleep ${word} >/dev/null 2>&1 & echo done`)).toMatchObject({
        stdout: 'done\n',
        exit: 0,
      });
      expect(await allGone(`sleep\0${word}`)).toBe(true);
    });

    it('holds a storm of processes', async () => {
      const word = `63${process.pid}.1`;
      const result = await run(make(), `for i in {1..300}; do setsid sleep ${word} & done; wait`, {
        timeoutSeconds: 2,
      });
      expect(result.timedOut).toBe(true);
      expect(await allGone(`sleep\0${word}`)).toBe(true);
    });

    it('dies with us when we are killed', async () => {
      const word = `64${process.pid}.1`;
      const here = (path: string): string => JSON.stringify(new URL(path, import.meta.url).pathname);
      const child = spawn(
        process.execPath,
        [
          '--input-type=module',
          '-e',
          `import { runShell } from ${here('../shell.ts')};
           import { testSurroundings } from ${here('../testing.ts')};
           import { ${name} } from ${here(`./${name}.ts`)};
           await runShell({ language: 'bash', command: 'setsid sleep ${word} & sleep ${word}', timeoutSeconds: 60,
             surroundings: testSurroundings(), sandbox: ${name}(${JSON.stringify(settings)}, true) });`,
        ],
        { stdio: 'ignore' },
      );
      for (let turn = 0; turn < 250 && processesWith(`sleep\0${word}`).length < 2; turn++) await sleep(20);
      expect(processesWith(`sleep\0${word}`)).toHaveLength(2);
      child.kill('SIGKILL');
      expect(await allGone(`sleep\0${word}`)).toBe(true);
      expect(await allGone('allclear-sandbox')).toBe(true);
    });

    it('that cannot be made is no finding of the check', async () => {
      const broken: Closed = {
        ...make(),
        wrap: (inside) => make().wrap({ ...inside, cwd: '/no/such/folder' }),
      };
      const result = await run(broken, 'true');
      expect(result.blocked).toMatch(/^the sandbox could not be made: \S/);
    });
  });
});
