import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import type { ShellRequest, ShellResult } from './model.ts';
import { runShell } from './shell.ts';
import { testSurroundings } from './testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'shell-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(command: string, changes: Partial<ShellRequest> = {}): Promise<ShellResult> {
  return runShell({
    language: 'bash',
    command,
    surroundings: testSurroundings(),
    timeoutSeconds: 20,
    ...changes,
  });
}

function alive(pid: number): boolean {
  try {
    // A zombie is no longer running; only its parent has not looked yet.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function gone(pid: number): Promise<boolean> {
  for (let turn = 0; turn < 100 && alive(pid); turn++) await sleep(20);
  return !alive(pid);
}

/** The path of a file beside this one, as a string literal. */
function here(name: string): string {
  return JSON.stringify(new URL(name, import.meta.url).pathname);
}

describe('a command', () => {
  it('gives its output, its error output and its exit code', async () => {
    const result = await run('echo out; echo err >&2; exit 3');
    expect(result).toMatchObject({
      stdout: 'out\n',
      stderr: 'err\n',
      exit: 3,
      signal: null,
      truncated: false,
    });
    expect(result).toMatchObject({
      timedOut: false,
      cancelled: false,
      missingCommand: null,
      unreachable: null,
    });
  });

  it('sees the given environment, and nothing of ours', async () => {
    process.env['CANARY_OF_PARENT'] = 'leak';
    const result = await run('env | sort', {
      surroundings: testSurroundings({ env: { PATH: process.env['PATH']!, PARAM_REGION: "eu'1; $(id)" } }),
    });
    expect(result.stdout).toContain("PARAM_REGION=eu'1; $(id)\n");
    expect(result.stdout).not.toMatch(/CANARY_OF_PARENT|BASH_ENV|BASH_FUNC|NODE_|VITEST/);
    delete process.env['CANARY_OF_PARENT'];
  });

  it('reads an end of file from its standard input', async () => {
    expect(await run('cat; echo done')).toMatchObject({ stdout: 'done\n', exit: 0 });
  });

  it('keeps its own exit code where a pipeline fails early', async () => {
    expect(await run('false | true')).toMatchObject({ exit: 0, pipeline: [1, 0] });
    expect(await run('yes | head -1')).toMatchObject({ exit: 0, stdout: 'y\n' });
  });

  it('is run unchanged: quotes, several lines, a here document and wait', async () => {
    const result = await run(`sleep 0.01 & sleep 0.02 &\nwait\ncat <<'X'\n"$HOME" 'a'\nX`);
    expect(result.stdout).toBe(`"$HOME" 'a'\n`);
  });

  it('sees no job that is not its own', async () => {
    expect(await run('jobs; wait; echo $?')).toMatchObject({ stdout: '0\n' });
    expect(await run('jobs; wait; echo $?', { language: 'sh' })).toMatchObject({ stdout: '0\n' });
  });

  it('gives its output as it comes', async () => {
    const chunks: string[] = [];
    await run('echo one; sleep 0.1; echo two >&2', {
      onOutput: ({ stream, text }) => chunks.push(`${stream}:${text}`),
    });
    expect(chunks).toEqual(['stdout:one\n', 'stderr:two\n']);
  });

  it('of sh is run in POSIX mode', async () => {
    expect((await run('set -o | grep posix', { language: 'sh' })).stdout).toMatch(/posix\s+on/);
  });

  it('leaves no file behind', async () => {
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith('allclear-run-'));
    await run('true');
    const after = readdirSync(tmpdir()).filter((name) => name.startsWith('allclear-run-'));
    expect(after.filter((name) => !before.includes(name))).toEqual([]);
  });
});

describe('a command that does not exist', () => {
  it.each([
    ['alone', 'no-such-program --flag'],
    ['at the head of a pipeline', 'no-such-program -u x --since "10 minutes ago" | grep "started\\|stopped"'],
    ['where the last part succeeds', 'no-such-program | wc -l'],
    ['inside a substitution', 'echo "sessions: $(no-such-program)"'],
  ])('is named, %s', async (_where, command) => {
    expect((await run(command)).missingCommand).toBe('no-such-program');
  });

  it('is no finding where the command falls back to another', async () => {
    expect(await run('no-such-program 2>/dev/null || echo fallback')).toMatchObject({
      missingCommand: null,
      stdout: 'fallback\n',
    });
  });
});

describe('an endpoint that curl cannot reach', () => {
  it.each([
    'curl -s http://127.0.0.1:1/metrics',
    'curl -s http://127.0.0.1:1/metrics | grep sessions',
    'x=$(curl -s http://127.0.0.1:1/metrics); echo "$x"',
    'curl -s http://127.0.0.1:1/metrics | grep sessions || echo none',
  ])('is named: %s', async (command) => {
    expect((await run(command)).unreachable).toBe(
      'curl could not reach http://127.0.0.1:1/metrics: the connection was refused or failed (exit 7)',
    );
  });

  it('is no finding where the command goes on to one that answers', async () => {
    writeFileSync(join(folder, 'page'), 'ok');
    const result = await run(`curl -s http://127.0.0.1:1/ || curl -s file://${folder}/page`);
    expect(result).toMatchObject({ unreachable: null, stdout: 'ok' });
  });
});

describe('the time-out', () => {
  it('ends a command that never ends', async () => {
    const result = await run('while :; do sleep 0.05; done', { timeoutSeconds: 0.3 });
    expect(result).toMatchObject({ timedOut: true, cancelled: false, exit: null, signal: 'SIGTERM' });
    expect(result.durationMs).toBeLessThan(2500);
  });

  it('kills a command that ignores SIGTERM, after the grace', async () => {
    const result = await run(`trap '' TERM; echo armed; while :; do read -t 0.1 <> <(:); done`, {
      timeoutSeconds: 0.5,
      graceSeconds: 0.3,
    });
    expect(result).toMatchObject({ timedOut: true, signal: 'SIGKILL', stdout: 'armed\n' });
    expect(result.durationMs).toBeGreaterThan(750);
  });

  it('takes children, forked twice and ignoring SIGTERM, with it', async () => {
    const result = await run(
      `for i in 1 2 3; do ( ( trap '' TERM; echo $BASHPID; while :; do sleep 0.1; done ) & ) ; done; sleep 60`,
      { timeoutSeconds: 0.5, graceSeconds: 0.3 },
    );
    const pids = result.stdout.trim().split('\n').map(Number);
    expect(pids).toHaveLength(3);
    for (const pid of pids) expect(await gone(pid)).toBe(true);
  });
});

describe('cancelling', () => {
  it('ends the command and its children', async () => {
    const abort = new AbortController();
    const result = await run('sleep 60 & echo $!; wait', {
      signal: abort.signal,
      onOutput: () => abort.abort(),
    });
    expect(result).toMatchObject({ cancelled: true, timedOut: false });
    expect(await gone(Number(result.stdout))).toBe(true);
  });

  it('before the start ends it at once', async () => {
    const result = await run('sleep 60', { signal: AbortSignal.abort() });
    expect(result.cancelled).toBe(true);
    expect(result.durationMs).toBeLessThan(2500);
  });
});

describe('what a command leaves behind', () => {
  it('does not hold us up by holding its output open, and is killed', async () => {
    const result = await run('sleep 60 & echo $!');
    expect(result).toMatchObject({ exit: 0, timedOut: false });
    expect(result.durationMs).toBeLessThan(3000);
    expect(await gone(Number(result.stdout))).toBe(true);
  });

  it('may still write for a moment', async () => {
    expect((await run('( sleep 0.1; echo late ) & echo early')).stdout).toBe('early\nlate\n');
  });

  it('does not matter when it closed its output', async () => {
    expect(await run('exec >&- 2>&-; exit 4')).toMatchObject({ exit: 4, stdout: '' });
  });

  it('dies with us when we are killed', async () => {
    const pidFile = join(folder, 'pid');
    const program = join(folder, 'runner.ts');
    writeFileSync(
      program,
      `import { runShell } from ${here('./shell.ts')};
       import { testSurroundings } from ${here('./testing.ts')};
       await runShell({ language: 'bash', command: 'sleep 60 & echo $! > ${pidFile}; wait',
         surroundings: testSurroundings(), timeoutSeconds: 60 });`,
    );
    const temporary = mkdtempSync(join(folder, 'temporary-'));
    const env = { ...process.env, TMPDIR: temporary };
    const runner: ChildProcess = spawn(process.execPath, [program], { stdio: 'inherit', env });
    let pid = 0;
    for (let turn = 0; turn < 300 && pid === 0; turn++) {
      await sleep(20);
      try {
        pid = Number(readFileSync(pidFile, 'utf8'));
      } catch {
        // Not started yet.
      }
    }
    expect(alive(pid)).toBe(true);
    runner.kill('SIGKILL');
    expect(await gone(pid)).toBe(true);
    const left = () => readdirSync(temporary).filter((name) => name.startsWith('allclear-run-'));
    for (let turn = 0; turn < 200 && left().length > 0; turn++) await sleep(20);
    expect(left()).toEqual([]);
  });
});

describe('output', () => {
  it('of 1 GB is read to its end and costs a bounded amount of memory', { timeout: 60_000 }, async () => {
    const before = process.memoryUsage().rss;
    let most = 0;
    const timer = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss - before);
    }, 50);
    const result = await run('echo first; head -c 1G /dev/zero; echo; echo last', { timeoutSeconds: 50 });
    clearInterval(timer);
    expect(result).toMatchObject({ exit: 0, truncated: true });
    expect(result.stdout.startsWith('first\n')).toBe(true);
    expect(result.stdout.endsWith('\nlast\n')).toBe(true);
    expect(result.stdout).toContain('\n… 1.1 GB left out …\n');
    expect(Buffer.byteLength(result.stdout)).toBeLessThan(200 * 1024);
    expect(most).toBeLessThan(300 * 1024 * 1024);
  });

  it('that is binary survives', async () => {
    const result = await run(`printf 'a\\xff\\x00\\xfeb\\n'; head -c 100000 /dev/urandom`);
    expect(result.exit).toBe(0);
    expect(result.stdout.startsWith('a\ufffd\u0000\ufffdb\n')).toBe(true);
  });

  it('of many processes that write at once is bounded as well', async () => {
    const result = await run('for i in 1 2 3 4 5; do yes "line $i" & done; wait', {
      timeoutSeconds: 0.5,
      graceSeconds: 0.5,
      outputLimit: 4096,
    });
    expect(result).toMatchObject({ timedOut: true, truncated: true });
    expect(result.stdout.length).toBeLessThan(200 * 1024);
  });

  it('never shows a secret, also where it straddles the cut', async () => {
    const secret = 'hunter2-hunter2-hunter2';
    for (const pad of [0, 5, 11, 17, 22]) {
      const result = await run(
        `printf 'x%.0s' $(seq ${2048 - pad}); for i in $(seq 3000); do printf '%s ' "$IT"; done`,
        {
          surroundings: testSurroundings({
            env: { PATH: process.env['PATH']!, IT: secret },
            secrets: [secret],
          }),
          outputLimit: 4096,
        },
      );
      expect(result.truncated).toBe(true);
      expect(result.stdout).not.toContain('hunter2');
    }
  });
});

describe('a shell that cannot start', () => {
  it('is a coded error when bash is missing', async () => {
    const env = { PATH: folder };
    await expect(run('true', { surroundings: testSurroundings({ env }) })).rejects.toMatchObject({
      code: 'E_SHELL',
    });
  });

  it('is a coded error when the folder is missing', async () => {
    await expect(run('true', { surroundings: testSurroundings({ cwd: '/no/such' }) })).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
    });
  });

  it('is a coded error for a command with a NUL or of a megabyte', async () => {
    await expect(run('echo \0')).rejects.toMatchObject({ code: 'E_BAD_VALUE' });
    await expect(run(`echo ${'x'.repeat(1 << 20)}`)).rejects.toMatchObject({ code: 'E_BAD_VALUE' });
  });
});
