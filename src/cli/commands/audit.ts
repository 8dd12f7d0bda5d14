/** `allclear incidents verify-audit` and `export`: whether the record still is what was written, and the record. */
import { withHomeStore } from '../../app/home.ts';
import { resolveIncident } from '../../app/incidents.ts';
import { auditStore, exportEvents } from '../../app/store-transfer.ts';
import { AllclearError, oneLine } from '../../kernel/index.ts';
import { type AuditReport, allIncidentIds } from '../../store/index.ts';
import type { Io } from '../io.ts';

interface VerifyOptions {
  readonly json?: boolean;
  readonly expect?: string;
}

/** Exit 1 with findings. */
export async function verifyAuditCommand({ json, expect }: VerifyOptions, io: Io): Promise<number> {
  if (expect !== undefined && !/^\d+:k?[0-9a-f]{64}$/.test(expect)) {
    throw new AllclearError('E_USAGE', {
      what: `--expect cannot be "${oneLine(expect, 80)}"`,
      next: 'It takes the head that an earlier verify-audit has printed: NUMBER:HASH.',
    });
  }
  const report = await withHomeStore(io, (store) => auditStore(store, expect));
  io.out(json ? `${JSON.stringify(report, null, 2)}\n` : auditLines(report));
  return report.findings.length === 0 ? 0 : 1;
}

/** Time lines as JSON lines on stdout. */
export async function exportEventsCommand({ incident }: { incident?: string }, io: Io): Promise<number> {
  await withHomeStore(io, async (store) => {
    const ids =
      incident === undefined ? allIncidentIds(store.db) : [(await resolveIncident(store, incident)).id];
    await exportEvents(store, ids, process.stdout);
  });
  return 0;
}

/** The report as people read it. */
export function auditLines({ incidents, events, ledger, head, keyed, findings, more }: AuditReport): string {
  const checked = `${incidents} incidents, ${events} events, ${ledger} lines of the ledger${keyed ? ', with the key' : ''}`;
  const lines = findings.map(({ incident, seq, what }) => {
    const where = incident === null ? 'ledger' : oneLine(incident, 40);
    return `  ${where}${seq === null ? '' : ` #${seq}`}: ${oneLine(what, 200)}`;
  });
  if (more > 0) lines.push(`  … and ${more} more`);
  const verdict = findings.length === 0 ? 'Nothing has been changed' : 'The record is not what was written';
  return `${[`${verdict}: ${checked}.`, ...lines, `Head ${head}`].join('\n')}\n`;
}
