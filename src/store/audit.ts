/**
 * Holds the whole store against its chains: whether any event was changed, removed, put in or moved, whether a time
 * line was cut, an incident deleted, or its state written by hand. Reads in pages, as of one moment.
 */
import { checkIncidents } from './audit-incidents.ts';
import { checkLedger } from './audit-ledger.ts';
import { type AuditFinding, Findings } from './findings.ts';
import type { Replay } from './replay.ts';
import type { Store } from './store.ts';

export interface AuditReport {
  readonly incidents: number;
  readonly events: number;
  /** Lines of the ledger. */
  readonly ledger: number;
  /** Where the ledger ends, `number:hash`. Kept elsewhere, it shows later whether anything before it is still there. */
  readonly head: string;
  /** True when the chains are made with a key. */
  readonly keyed: boolean;
  /** At most 1,000; empty when everything holds. */
  readonly findings: readonly AuditFinding[];
  /** Findings beyond those. */
  readonly more: number;
}

export interface AuditOptions {
  /** A `head` of an earlier report: what it stood for must still be there. */
  readonly expect?: string | undefined;
  /** What the states of incidents are held against; without it they are not. */
  readonly replay?: Replay | undefined;
}

/** Errors: those of reading. */
export function verifyAudit(store: Store, options: AuditOptions = {}): Promise<AuditReport> {
  return store.snapshot(async (db) => {
    const findings = new Findings();
    const { chain } = store;
    const ledger = await checkLedger(db, { chain, findings, expect: options.expect });
    const incidents = await checkIncidents(db, {
      chain,
      findings,
      replay: options.replay,
      keyLine: ledger.keyLine,
    });
    return {
      incidents: incidents.count,
      events: incidents.events,
      ledger: ledger.lines,
      head: ledger.head,
      keyed: ledger.keyLine !== null,
      findings: findings.list,
      more: findings.more,
    };
  });
}
