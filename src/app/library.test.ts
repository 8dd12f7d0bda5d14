import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LogEntry, TestClock } from '../kernel/index.ts';
import { type Library, openLibrary } from './library.ts';

let cwd = '';
let library: Library;
let logged: LogEntry[];
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'allclear-library-'));
  logged = [];
  mkdirSync(join(cwd, 'books', 'tokens'), { recursive: true });
  write('books/storm.md', '# Storm\n');
  write('books/spiral.md', '---\nfamily: tools\n---\n# Spiral\n');
  write('books/tokens/cascade.md', '# Cascade\n');
  write('books/README.md', '# About these\n');
});
afterEach(() => {
  library.close();
  rmSync(cwd, { recursive: true, force: true });
});

function write(file: string, text: string | Buffer): void {
  writeFileSync(join(cwd, file), text);
}

async function open(...paths: string[]): Promise<void> {
  library = await openLibrary({ paths, cwd, clock: new TestClock(), log: (entry) => logged.push(entry) });
}

/** A file is read once it has kept still from one look to the next. */
async function look(): Promise<void> {
  await library.look();
  await library.look();
}

const ids = () => library.list().map(({ id }) => id);

describe('the library', () => {
  it('holds the runbooks of folders and files, in families', async () => {
    await open('books');
    expect(ids()).toEqual(['cascade', 'spiral', 'storm']);
    expect(library.all().map(({ family }) => family)).toEqual(['books/tokens', 'tools', 'books']);
    expect(library.find('STORM')?.runbook.title).toBe('Storm');
    expect(library.find('README')).toBe(null);
  });

  it('takes ./runbooks when nothing is named, and the shipped ones when there is none', async () => {
    await open();
    expect(ids()).toContain('session-storm');
    library.close();
    renameSync(join(cwd, 'books'), join(cwd, 'runbooks'));
    await open();
    expect(ids()).toEqual(['cascade', 'spiral', 'storm']);
  });

  it('follows files that come, change and go', async () => {
    await open('books');
    write('books/storm.md', '# Storm, rewritten\n');
    write('books/new.md', '# New\n');
    rmSync(join(cwd, 'books/tokens'), { recursive: true });
    await look();
    expect(ids()).toEqual(['new', 'spiral', 'storm']);
    expect(library.find('storm')?.runbook.title).toBe('Storm, rewritten');
  });

  it('keeps the last good text of a file that breaks, says so, and takes it up again when it is mended', async () => {
    await open('books');
    for (const broken of ['---\nseverity: [\n---\n# Broken\n', Buffer.from([0, 1, 2])]) {
      write('books/storm.md', broken);
      await look();
      expect(library.find('storm')).toMatchObject({
        runbook: { title: 'Storm' },
        problem: expect.any(String),
      });
      expect(library.problems()).toMatchObject([{ file: 'books/storm.md' }]);
    }
    expect(logged.filter(({ event }) => event === 'runbook-problem')).toHaveLength(2);
    write('books/storm.md', '# Mended\n');
    await look();
    expect(library.find('storm')).toMatchObject({ runbook: { title: 'Mended' }, problem: null });
    expect(library.problems()).toEqual([]);
  });

  it('keeps everything when its folder is gone for a while', async () => {
    await open('books');
    renameSync(join(cwd, 'books'), join(cwd, 'elsewhere'));
    await look();
    expect(ids()).toEqual(['cascade', 'spiral', 'storm']);
    expect(library.problems()).toHaveLength(1);
    renameSync(join(cwd, 'elsewhere'), join(cwd, 'books'));
    await look();
    expect(library.problems()).toEqual([]);
  });

  it('gives an id that two files have to the first, and names the other', async () => {
    write('books/again.md', '---\nid: storm\n---\n# Again\n');
    await open('books');
    expect(library.find('storm')?.runbook.title).toBe('Again');
    expect(library.problems()).toMatchObject([
      { file: 'books/storm.md', what: expect.stringContaining('same id') },
    ]);
  });

  it('says at the start what is wrong with a path that was given', async () => {
    await open('books');
    await expect(open('nowhere.md')).rejects.toMatchObject({ code: 'E_FILE_NOT_FOUND' });
    mkdirSync(join(cwd, 'empty'));
    await expect(open('empty')).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  });
});
