import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Io } from '../io.ts';
import { diagnoseCommand } from './diagnose.ts';
import { verifyCommand } from './verify.ts';

const folder = mkdtempSync(join(tmpdir(), 'cli-checks-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const fence = '```';
beforeAll(() => {
  runbook('bad', `${fence}bash {"name":"queue-depth","normal":"value < 10"}\necho 812\n${fence}`, 'echo 1');
  runbook('good', `${fence}bash {"name":"queue-depth","normal":"value < 10"}\necho 3\n${fence}`, 'echo 1');
  runbook(
    'open',
    `${fence}bash {"name":"a-check-with-a-really-long-name-that-goes-on","normal":"value < 10"}\nno-such-program | grep something\n${fence}\n
${fence}bash {"name":"wide","normal":"value < 10 && lines < 1000 && stdout != 'a rather long condition'"}\nprintf '\\033[31m%s' "$(seq 100 | tr '\\n' ' ')"\n${fence}`,
    'echo 50',
  );
});

function runbook(name: string, diagnosis: string, verify: string): void {
  writeFileSync(
    join(folder, `${name}.md`),
    `# ${name}\n\n## Diagnosis\n\n${diagnosis}\n\n## Verify\n\n${fence}bash {"name":"quiet","normal":"value < 10","within":"1s"}\n${verify}\n${fence}\n`,
  );
}

function io(changes: Partial<Io> = {}): Io & { printed: { out: string; err: string } } {
  const printed = { out: '', err: '' };
  return {
    out: (text) => void (printed.out += text),
    err: (text) => void (printed.err += text),
    colour: false,
    interactive: false,
    columns: 200,
    env: { PATH: process.env['PATH'] },
    cwd: folder,
    signal: new AbortController().signal,
    ...changes,
    printed,
  };
}

describe('allclear diagnose', () => {
  it('gives parameters to commands, also where the runbook declares none', async () => {
    const check = `${fence}bash {"name":"count","normal":"value == 3"}\necho "$PARAM_COUNT"\n${fence}`;
    runbook('undeclared', check, 'echo 1');
    const terminal = io();
    await diagnoseCommand(['undeclared.md'], { param: ['count=3'] }, terminal);
    expect(terminal.printed.out).toMatch(/^undeclared {2}RULED OUT/);
  });

  it('prints the verdict, the sentence and the readings', async () => {
    const terminal = io();
    expect(await diagnoseCommand(['bad.md'], {}, terminal)).toBe(0);
    expect(terminal.printed.out).toBe(`bad  CONFIRMED
  One check is abnormal: queue depth 812 (normal: value < 10).

  check                  seen  normal
  queue depth  abnormal  812   value < 10
`);
    expect(terminal.printed.err).toBe('');
  });

  it('takes folders, and returns 1 when a verdict is inconclusive', async () => {
    const terminal = io();
    expect(await diagnoseCommand(['.'], {}, terminal)).toBe(1);
    expect(terminal.printed.out).toMatch(
      /^bad {2}CONFIRMED\n[^]*^good {2}RULED OUT\n[^]*^open {2}INCONCLUSIVE\n/m,
    );
  });

  it('says below a broken or open check why', async () => {
    const terminal = io();
    await diagnoseCommand(['open.md'], {}, terminal);
    expect(terminal.printed.out).toContain(
      '\n    This check is broken: `no-such-program` does not exist here.\n',
    );
  });

  it('stays within 80 columns, and prints no escape of a command, also in colour', async () => {
    const terminal = io({ colour: true, interactive: true });
    await diagnoseCommand(['open.md'], {}, terminal);
    const plain = stripVTControlCharacters(terminal.printed.out);
    for (const line of plain.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect(terminal.printed.out).toContain('\u001b[33mINCONCLUSIVE');
    expect(terminal.printed.out).not.toContain('\u001b[31m1 2');
    expect(terminal.printed.err).toContain('open: ');
  });

  it('prints an array for machines, with every reading', async () => {
    const terminal = io({ interactive: true });
    expect(await diagnoseCommand(['good.md', 'bad.md'], { json: true }, terminal)).toBe(0);
    expect(JSON.parse(terminal.printed.out)).toMatchObject([
      {
        runbook: 'good',
        verdict: 'ruled-out',
        readings: [{ check: 'queue-depth', judgement: 'normal', value: 3 }],
      },
      { runbook: 'bad', verdict: 'confirmed', why: expect.any(String) as string },
    ]);
    expect(terminal.printed.err).toBe('');
  });

  it('reports a file that cannot be read, and still diagnoses the others', async () => {
    const terminal = io();
    expect(await diagnoseCommand(['missing.md', 'good.md'], {}, terminal)).toBe(2);
    expect(terminal.printed.err).toContain('E_FILE_NOT_FOUND missing.md');
    expect(terminal.printed.out).toContain('good  RULED OUT');
  });

  it('stops when it is told to', async () => {
    await expect(diagnoseCommand(['good.md'], {}, io({ signal: AbortSignal.abort() }))).rejects.toMatchObject(
      {
        code: 'E_CANCELLED',
      },
    );
  });
});

describe('allclear verify', () => {
  it('returns 0 when verified', async () => {
    const terminal = io();
    expect(await verifyCommand('good.md', {}, terminal)).toBe(0);
    expect(terminal.printed.out).toContain('good  VERIFIED\n  The check under Verify is normal.\n');
  });

  it('returns 1 when the time is over', async () => {
    const terminal = io();
    expect(await verifyCommand('open.md', { poll: '0.2', json: true }, terminal)).toBe(1);
    const printed = JSON.parse(terminal.printed.out) as { rounds: number; verified: boolean };
    expect(printed).toMatchObject({
      runbook: 'open',
      verified: false,
      readings: [{ judgement: 'abnormal', value: 50 }],
    });
    expect(printed.rounds).toBeGreaterThan(2);
  });

  it('asks nobody where nobody is, and takes answers given in advance', async () => {
    writeFileSync(
      join(folder, 'asks.txt'),
      `# Asks\n\n## Verify\n\n${fence}bash\n# CPU should drop below 60% within 5 minutes\necho fine\n${fence}\n`,
    );
    const terminal = io();
    expect(await verifyCommand('asks.txt', { once: true }, terminal)).toBe(1);
    expect(terminal.printed.out).toContain('Only a person can tell: CPU should drop below 60%');
    expect(await verifyCommand('asks.txt', { once: true, answer: ['cpu=yes'] }, io())).toBe(0);
    await expect(verifyCommand('asks.txt', { answer: ['cpu=maybe'] }, io())).rejects.toMatchObject({
      code: 'E_USAGE',
    });
    await expect(verifyCommand('asks.txt', { within: 'soon' }, io())).rejects.toMatchObject({
      code: 'E_USAGE',
    });
  });
});
