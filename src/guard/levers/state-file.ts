/** The levers that are held, kept over a restart of the guard: one JSON file, its owner's only. */
import { constants } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { AllclearError, type Clock, systemCode } from '../../kernel/index.ts';
import type { Log } from '../log.ts';
import { DurableFile } from './durable-file.ts';
import { type FileLock, lockFile } from './file-lock.ts';
import { makeFolder } from './folder.ts';

const FORMAT = 'allclear-guard-levers';
const VERSION = 1;
/** 1,000 tools with the longest of texts are below half of this. */
const MAX_BYTES = 16 * 1024 * 1024;
const RETRY_MS = 5000;

const time = z.number().min(0).max(8.64e15);
const hold = z.object({
  value: z.string(),
  actor: z.string(),
  reason: z.string(),
  incident: z.string().nullable(),
  setAt: time,
  until: time,
});
/** Why a driven lever has to go back. */
const due = z.object({
  event: z.enum(['lever-expired', 'lever-reset', 'lever-released']),
  actor: z.string(),
  reason: z.string(),
});
const kept = z.object({
  name: z.string(),
  hold,
  /** Only of levers that commands move. */
  driven: z
    .object({
      /** The value it goes back to, as far as known. */
      base: z.string().nullable(),
      /** Whether the change took effect is unknown. */
      doubt: z.boolean(),
      due: due.nullable(),
    })
    .optional(),
});
const file = z.object({ format: z.literal(FORMAT), version: z.literal(VERSION), levers: z.array(kept) });

/** One lever that is held, as the file says it. */
export type KeptLever = z.infer<typeof kept>;
export type Due = z.infer<typeof due>;

export interface StateFile {
  /** What was held when the file was written last. */
  readonly found: readonly KeptLever[];
  /**
   * Keeps what is held now. Resolves once it is on the disk, or (never rejecting) once that failed; then it
   * is tried again by itself.
   */
  save(): Promise<void>;
  /** Why what is held now would be lost at a restart; null while all is well. */
  readonly failure: string | null;
  close(): Promise<void>;
}

/**
 * Opens the file and takes its lock. A file that cannot be understood is set aside under another name, and
 * one that cannot be written is reported; neither keeps the guard from starting.
 * @param held what is held now
 * @throws AllclearError `E_STORE_BUSY` when another guard keeps its levers there, `E_BAD_VALUE` when it is no file
 */
export async function openStateFile(
  path: string,
  clock: Clock,
  log: Log,
  held: () => readonly KeptLever[],
): Promise<StateFile> {
  let lock: FileLock | null;
  try {
    await makeFolder(dirname(path));
    lock = await lockFile(path);
  } catch (error) {
    const failure = `${path} cannot be used (${reasonOf(error)})`;
    log({ event: 'levers-not-kept', file: path, why: `${failure}: a restart forgets what is held` });
    return { found: [], save: () => Promise.resolve(), failure, close: () => Promise.resolve() };
  }
  if (lock === null) {
    throw new AllclearError('E_STORE_BUSY', {
      what: 'another guard keeps its levers in this file',
      next: 'Give this one a file of its own with --state FILE, or --no-state to keep nothing.',
      file: path,
    });
  }
  try {
    return new KeptFile(path, clock, log, held, await readKept(path, clock, log), lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

class KeptFile implements StateFile {
  readonly found: readonly KeptLever[];
  readonly #file: DurableFile;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #lock: FileLock;
  #failure: string | null = null;
  #cancelRetry: () => void = () => {};
  #closed = false;

  constructor(
    path: string,
    clock: Clock,
    log: Log,
    held: () => readonly KeptLever[],
    found: readonly KeptLever[],
    lock: FileLock,
  ) {
    this.#file = new DurableFile(path, () => {
      const content: z.infer<typeof file> = { format: FORMAT, version: VERSION, levers: [...held()] };
      return `${JSON.stringify(content, null, 2)}\n`;
    });
    this.#clock = clock;
    this.#log = log;
    this.found = found;
    this.#lock = lock;
  }

  get failure(): string | null {
    return this.#failure;
  }

  async save(): Promise<void> {
    if (this.#closed) return;
    this.#cancelRetry();
    try {
      await this.#file.save();
      if (this.#failure !== null) this.#log({ event: 'levers-kept', file: this.#file.path });
      this.#failure = null;
    } catch (error) {
      const failure = `${this.#file.path} cannot be written (${reasonOf(error)})`;
      if (this.#failure === null)
        this.#log({ event: 'levers-not-kept', file: this.#file.path, why: failure });
      this.#failure = failure;
      if (!this.#closed) this.#cancelRetry = this.#clock.after(RETRY_MS, () => void this.save());
    }
  }

  async close(): Promise<void> {
    this.#cancelRetry();
    await this.save();
    this.#closed = true;
    this.#cancelRetry();
    this.#lock.release();
  }
}

/** What the file says; nothing when there is none, or none that can be understood. */
async function readKept(path: string, clock: Clock, log: Log): Promise<readonly KeptLever[]> {
  let why: string;
  try {
    const text = await readBounded(path);
    if (text === null) return [];
    const parsed = file.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data.levers;
    const issue = parsed.error.issues[0];
    why = `it is not what this version writes (${issue?.path.join('.')}: ${issue?.message})`;
  } catch (error) {
    if (error instanceof AllclearError) throw error;
    why = reasonOf(error);
  }
  const aside = `${path}.set-aside-${new Date(clock.now()).toISOString().replaceAll(':', '-')}`;
  const moved = await rename(path, aside).then(
    () => aside,
    () => null,
  );
  log({ event: 'levers-forgotten', file: path, why, setAside: moved });
  return [];
}

/** Null when there is no such file. */
async function readBounded(path: string): Promise<string | null> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    // A pipe must not keep us waiting for its writer.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    const info = await handle.stat();
    if (!info.isFile()) {
      throw new AllclearError('E_BAD_VALUE', {
        what: 'the levers cannot be kept here: it is no file',
        next: 'Let --state name a file, or a path where there is nothing yet.',
        file: path,
      });
    }
    const { size } = info;
    if (size > MAX_BYTES) throw new RangeError(`it has ${size} bytes, and at most ${MAX_BYTES} are read`);
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

function reasonOf(error: unknown): string {
  return systemCode(error) ?? (error instanceof Error ? error.message : String(error));
}
