/** `allclear run` and `allclear incidents` as a person without a terminal meets them. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAIN } from './program.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'allclear-run-e2e-'));
  writeFileSync(join(folder, 'sick'), '');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

function start(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: folder, USER: 'tester', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<Ended>((resolve) => {
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    child.on('close', (code) => resolve({ code, out, err }));
  });
  return { child, ended };
}

const allclear = (...args: string[]): Promise<Ended> => start(args).ended;

const check = (name: string): string =>
  `\`\`\`bash {"name":"${name}","normal":"value == 0","within":"1s"}\ntest -e sick && echo 1 || echo 0\n\`\`\``;

function writeRunbook(steps: string, extra = ''): void {
  const text = `# Runbook: Sick\n\n## Diagnosis\n${check('sick')}\n\n## Remediation\n${steps}\n\n## Verify\n${check('well')}\n${extra}`;
  writeFileSync(join(folder, 'sick.md'), text);
}

const step = (number: number, command: string, attributes = '') =>
  `${number}. **Step ${number}**\n   \`\`\`bash ${attributes}\n   ${command}\n   \`\`\``;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(20);
}

describe('allclear run', () => {
  it('goes to all clear, writes the entry where asked to, and keeps the rest of the file', async () => {
    writeRunbook(step(1, 'rm sick'), '\n## History\n- 2020-01-01: first\n');
    const before = readFileSync(join(folder, 'sick.md'), 'utf8');
    const { code, out, err } = await allclear('run', 'sick.md', '--yes', '--write', '--json');
    expect(code, err).toBe(0);
    const result = JSON.parse(out) as Record<string, unknown> & {
      incident: string;
      update: { file: string };
    };
    expect(result).toMatchObject({
      runbook: 'sick',
      ended: 'resolved',
      verified: true,
      verdict: { verdict: 'confirmed' },
      steps: [{ index: 1, title: 'Step 1', outcome: 'done' }],
      update: { written: true },
    });
    const after = readFileSync(join(folder, 'sick.md'), 'utf8');
    expect(after).toContain(result.incident);
    expect(after.startsWith(before.slice(0, before.indexOf('- 2020-01-01')))).toBe(true);
    expect(after).toContain('- 2020-01-01: first\n');
    expect(readFileSync(result.update.file, 'utf8')).toBe(after);
  });

  it('says which attributes it cannot read, and never takes such a step for a harmless one', async () => {
    writeRunbook(step(1, 'rm sick', '{"risk":"safe",}'));
    const { code, err } = await allclear('run', 'sick.md', '--yes');
    expect(err).toMatch(/E_RUNBOOK sick\.md:10: the attributes/);
    expect([code, existsSync(join(folder, 'sick'))]).toEqual([2, true]);
    expect(err).toContain('E_APPROVAL_NEEDED');
  });

  it('never rewrites the runbook unasked', async () => {
    writeRunbook(step(1, 'rm sick'));
    const before = readFileSync(join(folder, 'sick.md'), 'utf8');
    const { code, out } = await allclear('run', 'sick.md', '--yes');
    expect(code).toBe(0);
    expect(out).toMatch(/^All clear after/);
    expect(out).toMatch(/^\+ - \d{4}-\d\d-\d\d: All clear/m);
    expect(readFileSync(join(folder, 'sick.md'), 'utf8')).toBe(before);
  });

  it('on Ctrl-C stops everything the step started, and says how to go on', async () => {
    writeRunbook(`${step(1, 'sh -c "sleep 2; touch escaped" & touch began; wait')}\n${step(2, 'rm sick')}`);
    const { child, ended } = start(['run', 'sick.md', '--yes']);
    await until(() => existsSync(join(folder, 'began')));
    child.kill('SIGINT');
    const { code, err } = await ended;
    expect(code).toBe(3);
    expect(err).toMatch(/E_CANCELLED/);
    const resume = /allclear run (.+)/.exec(err)?.[1]?.split(' ') ?? [];
    expect(resume).toEqual(['sick.md', '--incident', expect.stringMatching(/^inc-/) as string]);
    await pause(2_200);
    expect(existsSync(join(folder, 'escaped'))).toBe(false);
    const shown = await allclear('incidents', 'show', 'last', '--json');
    expect(JSON.parse(shown.out)).toMatchObject({ attempts: [{ step: 1, state: 'cancelled' }] });
    const again = await allclear('run', ...resume, '--yes', '--failed', 'skip');
    expect(again.code, again.err).toBe(0);
  });

  it('goes on with the text it began with when the runbook is edited meanwhile', async () => {
    writeRunbook(`${step(1, 'echo one >> log')}\n${step(2, 'rm sick', '{"risk":"disruptive"}')}`);
    const first = await allclear('run', 'sick.md', '--yes');
    expect(first.code).toBe(2);
    expect(first.err).toMatch(/E_APPROVAL_NEEDED step 2 "Step 2" \(disruptive\)/);
    writeRunbook(step(1, 'touch edited'), '\nA new last line.\n');
    const second = await allclear('run', 'sick.md', '--incident', 'last', '--approve-all', '--write');
    expect(second.code, second.err).toBe(0);
    expect(second.err).toContain('The file has changed since');
    expect(existsSync(join(folder, 'edited'))).toBe(false);
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('one\n');
    const written = readFileSync(join(folder, 'sick.md'), 'utf8');
    expect(written).toContain('touch edited');
    expect(written).toContain('A new last line.');
    expect(written).toMatch(/## History/);
  });

  it('labels reach commands as environment only', async () => {
    writeRunbook(step(1, 'echo "$LABEL_INSTANCE" > seen; rm sick'));
    const hostile = '$(touch owned); `touch owned`';
    await allclear('run', 'sick.md', '--yes', '--label', `instance=${hostile}`);
    expect(readFileSync(join(folder, 'seen'), 'utf8')).toBe(`${hostile}\n`);
    expect(existsSync(join(folder, 'owned'))).toBe(false);
  });

  it.each([
    [['run', 'nothing.md'], 2, 'E_FILE_NOT_FOUND'],
    [['run'], 2, 'E_USAGE'],
    [['run', 'sick.md', '--unknown', 'maybe'], 2, 'E_USAGE'],
    [['run', 'sick.md', '--incident', 'inc-none'], 2, 'E_NOT_FOUND'],
    [['incidents', 'show', 'inc-none'], 2, 'E_NOT_FOUND'],
    [['incidents', '--limit', '0'], 2, 'E_USAGE'],
  ])('refuses %j with exit %i and %s', async (args, exit, code) => {
    writeRunbook(step(1, 'rm sick'));
    const ended = await allclear(...args);
    expect(ended.err).toContain(code);
    expect(ended.code).toBe(exit);
  });

  it('names a store that is broken, and what to do', async () => {
    writeRunbook(step(1, 'rm sick'));
    const file = join(folder, 'broken.db');
    writeFileSync(file, 'not a database at all, only words. '.repeat(50));
    const { ended } = start(['run', 'sick.md'], { ALLCLEAR_STORE: file });
    const { code, err } = await ended;
    expect(code).toBe(3);
    expect(err).toContain('E_STORE_UNUSABLE');
    expect(err).toContain(file);
  });
});

describe('allclear incidents', () => {
  it('fits 80 columns, also with hostile titles and labels', async () => {
    writeRunbook(step(1, 'printf "\\033[31mred\\n"; seq 1 100; rm sick'));
    const text = readFileSync(join(folder, 'sick.md'), 'utf8').replace(
      'Sick',
      `Sick ${'and tired '.repeat(20)}\u001b[2J`,
    );
    writeFileSync(join(folder, 'sick.md'), text);
    await allclear('run', 'sick.md', '--yes', '--label', `instance=${'x'.repeat(300)}`);
    for (const args of [['incidents'], ['incidents', 'show', 'last']]) {
      const { code, out } = await allclear(...args);
      expect(code).toBe(0);
      expect(out).not.toContain('\u001b');
      for (const line of out.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    }
  });

  it('closes what is resolved, once', async () => {
    writeRunbook(step(1, 'rm sick'));
    await allclear('run', 'sick.md', '--yes');
    expect((await allclear('incidents', 'close', 'last', '--reason', 'written up')).code).toBe(0);
    const again = await allclear('incidents', 'close', 'last');
    expect(again.code).toBe(2);
    expect(again.err).toContain('E_TRANSITION');
    expect(JSON.parse((await allclear('incidents', '--json')).out)).toMatchObject([{ state: 'closed' }]);
    expect(JSON.parse((await allclear('incidents', '--open', '--json')).out)).toEqual([]);
  });
});
