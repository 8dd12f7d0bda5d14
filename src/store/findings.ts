/** What an audit has found, bounded. */
export interface AuditFinding {
  /** The incident it is about; null: the ledger. */
  readonly incident: string | null;
  /** The event, or the line of the ledger; null: all of it. */
  readonly seq: number | null;
  readonly what: string;
}

const MAX_KEPT = 1_000;

export class Findings {
  readonly list: AuditFinding[] = [];
  /** Those that were not kept. */
  more = 0;

  add(incident: string | null, seq: number | null, what: string): void {
    if (this.list.length < MAX_KEPT) this.list.push({ incident, seq, what });
    else this.more += 1;
  }
}
