import { type Chain, GENESIS, isKeyed } from './chain.ts';
import type { Reader } from './database.ts';
import type { Findings } from './findings.ts';
import { ledgerHead, ledgerLine } from './ledger.ts';

const PAGE = 500;

interface LedgerCheck {
  readonly chain: Chain;
  readonly findings: Findings;
  readonly expect?: string | undefined;
}

export interface CheckedLedger {
  readonly lines: number;
  /** `number:hash` of the last line. */
  readonly head: string;
  /** From this line on the chains have a key; null: they have none. */
  readonly keyLine: number | null;
}

/** Goes through the ledger: every line follows the one before it, and the last is where the store says. */
export async function checkLedger(
  db: Reader,
  { chain, findings, expect }: LedgerCheck,
): Promise<CheckedLedger> {
  let last = { n: 0, hash: GENESIS };
  let lines = 0;
  let keyLine: number | null = null;
  let expected = expect === `0:${GENESIS}` || expect === undefined;
  for (;;) {
    const page = await ledgerAfter(db, lines === 0 ? null : last.n);
    for (const row of page) {
      if (row.kind === 'audit-key' && keyLine === null) keyLine = row.n;
      if (row.n !== last.n + 1) findings.add(null, row.n, gap(last.n + 1, row.n - 1));
      else if (row.prev_hash !== last.hash) findings.add(null, row.n, 'does not follow the line before it');
      if (!chain.holds(row.hash, ledgerLine(row))) findings.add(null, row.n, 'has been changed');
      if (keyLine !== null && !isKeyed(row.hash)) findings.add(null, row.n, 'was made without the key');
      last = { n: row.n, hash: row.hash };
      expected ||= expect === `${row.n}:${row.hash}`;
      lines += 1;
    }
    if (page.length < PAGE) break;
  }
  if (chain.keyed && keyLine === null) findings.add(null, null, 'there is no line that tells of the key');
  if (!expected) findings.add(null, null, `the line ${expect} is not there (any more)`);
  await checkHead(db, last, findings);
  await checkDeleted(db, findings);
  return { lines, head: `${last.n}:${last.hash}`, keyLine };
}

function ledgerAfter(db: Reader, n: number | null) {
  let query = db.selectFrom('ledger').selectAll().orderBy('n').limit(PAGE);
  if (n !== null) query = query.where('n', '>', n);
  return query.execute();
}

function gap(from: number, to: number): string {
  if (to < from) return 'is out of order';
  return from === to ? `line ${from} before it is missing` : `lines ${from} to ${to} before it are missing`;
}

async function checkHead(db: Reader, last: { n: number; hash: string }, findings: Findings): Promise<void> {
  const head = await ledgerHead(db).catch(() => null);
  if (head?.n === last.n && head.hash === last.hash) return;
  const where = head ? `at line ${head.n}` : 'nowhere';
  findings.add(null, last.n, `the ledger ends here, and should end ${where}`);
}

/** Incidents that the ledger tells of and that are gone. */
async function checkDeleted(db: Reader, findings: Findings): Promise<void> {
  for (let last = ''; ; ) {
    const gone = await db
      .selectFrom('ledger')
      .select('incident')
      .distinct()
      .where('incident', '>', last)
      .where((eb) =>
        eb.not(
          eb.exists(eb.selectFrom('incidents').select('id').whereRef('incidents.id', '=', 'ledger.incident')),
        ),
      )
      .orderBy('incident')
      .limit(PAGE)
      .execute();
    for (const { incident } of gone) findings.add(incident, null, 'the incident has been deleted');
    if (gone.length < PAGE) return;
    last = gone.at(-1)!.incident!;
  }
}
