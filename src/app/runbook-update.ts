/** What an incident taught, proposed as a new version of its runbook. */
import { open, realpath, rename, rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AllclearError, systemCode } from '../kernel/index.ts';
import { addHistoryEntry, type Runbook } from '../runbook/index.ts';
import { type Home, writeHomeFile } from './home.ts';
import { readTextFile } from './read-runbooks.ts';

export interface RunbookUpdate {
  /** The file with the proposed text. */
  readonly file: string;
  /** The entry as proposed: an ISO day and Markdown. */
  readonly entry: { readonly date: string; readonly text: string };
  /** True when the runbook itself was rewritten. */
  readonly written: boolean;
}

export interface Proposal {
  readonly home: Home;
  /** As read from the file that was named; null when none was. */
  readonly given: Runbook | null;
  /** As the incident began with it. */
  readonly runbook: Runbook;
  readonly incident: string;
  readonly entry: { readonly date: string; readonly text: string };
  /** Rewrite the file itself as well. */
  readonly write: boolean;
  /** Where relative paths begin. */
  readonly cwd: string;
}

/**
 * Writes the proposed text below the home, and into the runbook itself where asked to.
 * Errors: `E_STORE_UNUSABLE`; `E_FILE_UNREADABLE` when the runbook cannot be rewritten.
 */
export async function proposeUpdate(proposal: Proposal): Promise<RunbookUpdate> {
  const { home, given, runbook, incident, entry, write, cwd } = proposal;
  const source = await currentText(given ?? runbook, cwd);
  // An incident that is run again after its end does not get a second entry.
  const known = source.includes(incident);
  const text = known ? source : addHistoryEntry(source, entry);
  const file = home.updateFile(incident, runbook.id);
  await writeHomeFile(file, text);
  if (write && given && !known) await replaceFile(given.file, text, cwd);
  return { file, entry, written: write && given !== null && !known };
}

/** Somebody may have edited the runbook while the incident went on: that stays. */
async function currentText(runbook: Runbook, cwd: string): Promise<string> {
  return readTextFile(runbook.file, cwd).catch(() => runbook.source);
}

/** Whole or not at all: the new text is beside the file before it takes its place. */
async function replaceFile(path: string, text: string, cwd: string): Promise<void> {
  const target = await realpath(resolve(cwd, path)).catch(() => resolve(cwd, path));
  const beside = `${target}.${process.pid}.tmp`;
  try {
    const { mode } = await stat(target);
    const handle = await open(beside, 'wx', mode);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, target);
  } catch (error) {
    await rm(beside, { force: true });
    throw new AllclearError('E_FILE_UNREADABLE', {
      what: `the runbook cannot be rewritten (${systemCode(error) ?? String(error)})`,
      next: 'Its proposed text is kept among the updates; copy it over when the file can be written.',
      file: path,
      cause: error,
    });
  }
}
