/**
 * The runbooks a server works with, from files and folders, read anew when they change. A file that breaks keeps
 * its last good text, and is reported; an incident keeps the version it began with in any case.
 */
import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AllclearError, type Clock, type Log } from '../kernel/index.ts';
import { familyOf, type Runbook } from '../runbook/index.ts';
import type { RunbookShelf, ShelfProblem, ShelvedRunbook } from '../server/index.ts';
import { runbookHash } from '../store/index.ts';
import { findRunbooks, readRunbook } from './read-runbooks.ts';
import { fileSignature } from './watch-file.ts';

/** Far more than any organisation has; each is parsed and kept in memory. */
const MAX_RUNBOOKS = 10_000;
/** A change is read when the file has kept still from one look to the next. */
const LOOK_MS = 1_000;
/** A look at a large tree may take at most this part of the time. */
const LOOK_SHARE = 20;
const SHIPPED = fileURLToPath(new URL('../../runbooks', import.meta.url));

export interface Library extends RunbookShelf {
  /** All runbooks. */
  list(): readonly Runbook[];
  /** Looks for changes now; resolves when they are read. */
  look(): Promise<void>;
  close(): void;
}

export interface LibraryOptions {
  /** Files and folders; none: `./runbooks` when there is one, else the shipped ones. */
  readonly paths: readonly string[];
  readonly cwd: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Reads the library and keeps it up to date until it is closed.
 * Errors: those of `findRunbooks` and `readRunbook` for the paths as given
 */
export async function openLibrary(options: LibraryOptions): Promise<Library> {
  const paths = options.paths.length > 0 ? options.paths : [await defaultRunbooks(options.cwd)];
  const shelf = new Shelf({ ...options, paths });
  await shelf.fill();
  shelf.watch();
  return shelf;
}

/** `./runbooks` when there is one, else the shipped ones. */
export async function defaultRunbooks(cwd: string): Promise<string> {
  const found = await stat(join(cwd, 'runbooks')).catch(() => null);
  return found?.isDirectory() ? 'runbooks' : SHIPPED;
}

/** One file, and what was last made of it. */
interface ShelfFile {
  /** As it was when it was last read. */
  read: string;
  /** As it was at the last look. */
  seen: string;
  shelved: ShelvedRunbook | null;
  problem: ShelfProblem | null;
}

class Shelf implements Library {
  readonly #options: LibraryOptions;
  readonly #files = new Map<string, ShelfFile>();
  #byId = new Map<string, ShelvedRunbook>();
  #all: readonly ShelvedRunbook[] = [];
  #list: readonly Runbook[] = [];
  #problems: readonly ShelfProblem[] = [];
  #folderProblem: ShelfProblem | null = null;
  #looking: Promise<void> = Promise.resolve();
  #closed = false;
  #cancel = () => {};

  constructor(options: LibraryOptions) {
    this.#options = options;
  }

  all(): readonly ShelvedRunbook[] {
    return this.#all;
  }

  list(): readonly Runbook[] {
    return this.#list;
  }

  find(id: string): ShelvedRunbook | null {
    return this.#byId.get(id.toLowerCase()) ?? null;
  }

  problems(): readonly ShelfProblem[] {
    return this.#problems;
  }

  /** The first reading: what is wrong with a path as given is an error, as for other commands. */
  async fill(): Promise<void> {
    const { paths, cwd } = this.#options;
    const found = runbooksAmong(await findRunbooks(paths, cwd));
    if (found.length > MAX_RUNBOOKS) throw tooMany(found.length);
    for (const path of found) {
      const signature = await fileSignature(resolve(cwd, path));
      if (paths.includes(path)) await readRunbook(path, cwd);
      await this.#read(path, signature);
    }
    this.#arrange();
  }

  watch(): void {
    const { clock } = this.#options;
    const began = clock.monotonic();
    void this.look().finally(() => {
      const took = clock.monotonic() - began;
      const pause = Math.max(LOOK_MS, took * LOOK_SHARE);
      if (!this.#closed) this.#cancel = clock.after(pause, () => this.watch());
    });
  }

  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#lookOnce());
    return this.#looking;
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  async #lookOnce(): Promise<void> {
    const found = await this.#findNow();
    if (!found || this.#closed) return;
    let changed = false;
    for (const path of found) {
      const signature = await fileSignature(resolve(this.#options.cwd, path));
      const file = this.#files.get(path) ?? { read: '', seen: '', shelved: null, problem: null };
      this.#files.set(path, file);
      if (signature === file.seen && signature !== file.read) {
        await this.#read(path, signature);
        changed = true;
      }
      file.seen = signature;
    }
    const present = new Set(found);
    for (const path of this.#files.keys()) {
      if (present.has(path)) continue;
      this.#files.delete(path);
      changed = true;
    }
    if (changed) this.#arrange();
  }

  /** Null, and everything stays, when a path that was given has gone, or a folder cannot be listed now. */
  async #findNow(): Promise<readonly string[] | null> {
    const { paths, cwd } = this.#options;
    let problem: ShelfProblem | null = null;
    let found: readonly string[] | null = null;
    try {
      found = runbooksAmong(await findRunbooks(paths, cwd));
      for (const path of paths) await requireThere(path, found.includes(path), cwd);
      if (found.length > MAX_RUNBOOKS) throw tooMany(found.length);
    } catch (error) {
      found = null;
      problem = problemOf(error, paths.join(', '));
    }
    if (problem?.what !== this.#folderProblem?.what) {
      this.#folderProblem = problem;
      this.#arrange();
    }
    return found;
  }

  /** Reads one file; one that is worse than it was keeps its last good text. */
  async #read(path: string, signature: string): Promise<void> {
    const { cwd, clock } = this.#options;
    const file = this.#files.get(path) ?? { read: '', seen: signature, shelved: null, problem: null };
    file.read = signature;
    this.#files.set(path, file);
    let runbook: Runbook | null = null;
    try {
      runbook = await readRunbook(path, cwd);
      const broken = runbook.diagnostics.find(({ severity }) => severity === 'error');
      file.problem = broken ? { file: path, line: broken.line, what: broken.message } : null;
      if (broken && file.shelved) runbook = null;
    } catch (error) {
      file.problem = problemOf(error, path);
    }
    const problem = file.problem?.what ?? null;
    if (runbook) {
      const hash = runbookHash(runbook.source);
      file.shelved = { runbook, family: familyOf(runbook), hash, readAt: clock.now(), problem };
    } else if (file.shelved) {
      file.shelved = { ...file.shelved, problem };
    }
  }

  /** Puts in order what the files hold now. Of two with one id the first path has it. */
  #arrange(): void {
    const byId = new Map<string, ShelvedRunbook>();
    const problems: ShelfProblem[] = this.#folderProblem ? [this.#folderProblem] : [];
    for (const [path, { shelved, problem }] of [...this.#files].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      if (problem) problems.push(problem);
      if (!shelved) continue;
      const id = shelved.runbook.id.toLowerCase();
      const other = byId.get(id);
      if (other)
        problems.push({ file: path, line: null, what: `${other.runbook.file} has the same id, ${id}` });
      else byId.set(id, shelved);
    }
    const known = new Set(this.#problems.map(textOf));
    for (const problem of problems) {
      if (!known.has(textOf(problem))) this.#options.log({ event: 'runbook-problem', ...problem });
    }
    this.#byId = byId;
    this.#all = [...byId.values()].toSorted((a, b) => (a.runbook.id < b.runbook.id ? -1 : 1));
    this.#list = this.#all.map(({ runbook }) => runbook);
    this.#problems = problems;
  }
}

/** A folder's README is about the runbooks, and none. */
function runbooksAmong(paths: readonly string[]): readonly string[] {
  return paths.filter((path) => !/^(?:readme|contributing|changelog)\.md$/i.test(basename(path)));
}

/** A folder that has gone looks like a file of that name. */
async function requireThere(path: string, asFile: boolean, cwd: string): Promise<void> {
  const found = await stat(resolve(cwd, path)).catch(() => null);
  if (found && found.isDirectory() !== asFile) return;
  throw new AllclearError('E_FILE_NOT_FOUND', { what: 'it is no longer there', file: path });
}

function problemOf(error: unknown, file: string): ShelfProblem {
  if (!(error instanceof AllclearError)) throw error;
  return { file: error.details.file ?? file, line: error.details.line ?? null, what: error.details.what };
}

function textOf({ file, line, what }: ShelfProblem): string {
  return JSON.stringify([file, line, what]);
}

function tooMany(count: number): AllclearError {
  return new AllclearError('E_LIMIT', {
    what: `there are ${count} runbooks, and a server takes ${MAX_RUNBOOKS}`,
    next: 'Name smaller folders with --runbooks.',
  });
}
