import type { Runbook } from '../runbook/index.ts';

/** A runbook as the service has it. */
export interface ShelvedRunbook {
  readonly runbook: Runbook;
  /** Runbooks of one family are diagnosed side by side. */
  readonly family: string;
  /** Of the text. */
  readonly hash: string;
  /** Epoch ms. */
  readonly readAt: number;
  /** Why the file as it is now cannot be used, and this is its last good text; null when it can. */
  readonly problem: string | null;
}

/** What is wrong with a file of the library. */
export interface ShelfProblem {
  readonly file: string;
  readonly line: number | null;
  readonly what: string;
}

/** The runbooks a server works with. */
export interface RunbookShelf {
  /** By id. */
  all(): readonly ShelvedRunbook[];
  /** In any case. */
  find(id: string): ShelvedRunbook | null;
  problems(): readonly ShelfProblem[];
}
