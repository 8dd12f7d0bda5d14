import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import type { LogEntry } from '../log.ts';
import { type KeptLever, openStateFile } from './state-file.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'allclear-levers-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const hold = { value: '5', actor: 'ada', reason: 'storm', incident: null, setAt: 1, until: 2 };

function opened(path: string) {
  const clock = new TestClock();
  const log: LogEntry[] = [];
  const held: KeptLever[] = [];
  const open = openStateFile(
    path,
    clock,
    (entry) => void log.push(entry),
    () => held,
  );
  return { clock, log, held, open };
}

describe('openStateFile', () => {
  it('keeps what is held, for its owner only, and finds it again', async () => {
    const path = join(folder, 'deep', 'levers.json');
    const { held, open } = opened(path);
    const file = await open;
    held.push(
      { name: 'MAX_SESSIONS', hold },
      { name: 'X[a"b]', hold, driven: { base: null, doubt: true, due: null } },
    );
    await file.save();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(folder, 'deep')).toSorted()).toEqual(['levers.json', 'levers.json.lock']);
    await file.close();
    expect((await opened(path).open).found).toEqual(held);
  });

  it('writes what is held last, however many saves there are, and each waits for its own', async () => {
    const path = join(folder, 'levers.json');
    const { held, open } = opened(path);
    const file = await open;
    const saves = Array.from({ length: 50 }, async (_, index) => {
      held[0] = { name: 'MAX_SESSIONS', hold: { ...hold, value: String(index) } };
      await file.save();
      return Number(/"value": "(\d+)"/.exec(readFileSync(path, 'utf8'))![1]) >= index;
    });
    expect(await Promise.all(saves)).not.toContain(false);
    expect(readFileSync(path, 'utf8')).toContain('"value": "49"');
  });

  it('says that it cannot write, goes on trying, and says when it can', async () => {
    const path = join(folder, 'sub', 'levers.json');
    const { clock, log, held, open } = opened(path);
    const file = await open;
    // In its place, what no file can replace; root may write anywhere, so rights do not help here.
    mkdirSync(join(path, 'in the way'), { recursive: true });
    held.push({ name: 'MAX_SESSIONS', hold });
    await file.save();
    await file.save();
    expect(file.failure).toContain('cannot be written');
    expect(log.map(({ event }) => event)).toEqual(['levers-not-kept']);
    rmSync(path, { recursive: true });
    await clock.advance(5000);
    while (file.failure !== null) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(readFileSync(path, 'utf8')).toContain('MAX_SESSIONS');
    expect(log.at(-1)).toMatchObject({ event: 'levers-kept' });
    await file.close();
    expect(clock.pending).toBe(0);
  });

  it('never writes through what stands where its temporary file goes', async () => {
    const path = join(folder, 'levers.json');
    writeFileSync(`${path}.new`, 'left over');
    chmodSync(`${path}.new`, 0o666);
    const { held, open } = opened(path);
    const file = await open;
    held.push({ name: 'MAX_SESSIONS', hold });
    await file.save();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['no JSON', '{'],
    ['another version', '{"format":"allclear-guard-levers","version":2,"levers":[]}'],
    [
      'a time that is none',
      JSON.stringify({
        format: 'allclear-guard-levers',
        version: 1,
        levers: [{ name: 'X', hold: { ...hold, until: 1e300 } }],
      }),
    ],
  ])('sets aside what it cannot understand: %s', async (_, text) => {
    const path = join(folder, 'levers.json');
    writeFileSync(path, text);
    const { log, open } = opened(path);
    expect((await open).found).toEqual([]);
    expect(log).toMatchObject([{ event: 'levers-forgotten', file: path }]);
    expect(readFileSync(String(log[0]!['setAside']), 'utf8')).toBe(text);
  });

  it('is refused a folder, and a file that another guard has', async () => {
    await expect(opened(folder).open).rejects.toMatchObject({ code: 'E_BAD_VALUE' });
    const path = join(folder, 'levers.json');
    const first = await opened(path).open;
    await expect(opened(path).open).rejects.toMatchObject({ code: 'E_STORE_BUSY' });
    await first.close();
    await (await opened(path).open).close();
  });
});
