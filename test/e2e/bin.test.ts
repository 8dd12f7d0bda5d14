/** The built program, as `npx allclear` starts it. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { root, temporaryFolder } from './program.ts';

const bin = join(root, 'bin/allclear.js');

/** A Node of the machine that is too old to run the program, as a newcomer may have. */
const olderNode = (process.env['PATH'] ?? '')
  .split(':')
  .filter((folder) => !folder.includes('node_modules'))
  .map((folder) => join(folder, 'node'))
  .find((node) => {
    const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
    return /^v(18|20|22)\./.test(stdout ?? '');
  });

describe('bin/allclear.js', () => {
  it('does what the sources do', () => {
    const inspected = (program: string) => {
      const args = [program, 'inspect', 'runbooks/session-storm.md', '--json'];
      return JSON.parse(execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' })) as unknown;
    };
    expect(inspected(bin)).toEqual(inspected('src/cli/main.ts'));
  });

  it('passes exit codes on', () => {
    expect(spawnSync(process.execPath, [bin, 'inspect', 'missing.md'], { cwd: root }).status).toBe(2);
  });

  it('starts the guard with small collections, as the same process', async () => {
    const args = [
      'guard',
      '--upstream=http://127.0.0.1:9',
      '--listen=127.0.0.1:0',
      '--admin=127.0.0.1:0',
      '--no-state',
    ];
    const guard = spawn(process.execPath, [bin, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] });
    const commandLine = () => readFileSync(`/proc/${guard.pid}/cmdline`, 'utf8').split('\0');
    await expect.poll(commandLine, { timeout: 15_000 }).toContain('--max-semi-space-size=8');
    await once(guard.stdout, 'data');
    guard.kill('SIGTERM');
    expect(await once(guard, 'exit')).toEqual([0, null]);
  });

  it.skipIf(!olderNode)('leaves nothing behind when the launcher is killed outright', async () => {
    const folder = temporaryFolder(onTestFinished);
    const slow = join(folder, 'slow.md');
    writeFileSync(
      slow,
      `# Slow\n\n## Diagnosis\n\`\`\`bash\ntouch ${folder}/began; exec sleep 97.31\n\`\`\`\n`,
    );
    const launcher = spawn(olderNode!, [bin, 'diagnose', slow], { cwd: folder, stdio: 'ignore' });
    await expect.poll(() => existsSync(join(folder, 'began')), { timeout: 15_000 }).toBe(true);
    launcher.kill('SIGKILL');
    const left = () => spawnSync('pgrep', ['-f', `sleep 97.31|${slow}`], { encoding: 'utf8' }).stdout.trim();
    await expect.poll(left, { timeout: 15_000 }).toBe('');
  });

  it.skipIf(!olderNode)('hands over to the packaged Node when started by an older one', () => {
    const { status, stdout } = spawnSync(olderNode!, [bin, '--version'], { cwd: root, encoding: 'utf8' });
    expect([status, stdout]).toEqual([0, '0.1.0\n']);
    expect(spawnSync(olderNode!, [bin, 'inspect', 'missing.md'], { cwd: root }).status).toBe(2);
  });
});
