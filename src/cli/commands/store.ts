/** `allclear store`: what the store holds, and how it moves. */
import { actorName, locateHome, withHomeStore } from '../../app/home.ts';
import { exportTo, importFrom } from '../../app/store-transfer.ts';
import { AllclearError } from '../../kernel/index.ts';
import { beginKey, type Counts, countRows, openStore, schemaName } from '../../store/index.ts';
import type { Io } from '../io.ts';
import { auditLines } from './audit.ts';

interface JsonOption {
  readonly json?: boolean;
}

export async function storeInfoCommand({ json }: JsonOption, io: Io): Promise<number> {
  const info = await withHomeStore(io, async ({ kind, location, chain, db }) => ({
    kind,
    location,
    schema: schemaName(),
    keyed: chain.keyed,
    rows: await countRows(db),
  }));
  if (json) {
    io.out(`${JSON.stringify(info, null, 2)}\n`);
    return 0;
  }
  const { kind, location, schema, keyed, rows } = info;
  const lines = Object.entries(rows).map(
    ([table, count]) => `  ${table.padEnd(18)}${String(count).padStart(10)}`,
  );
  const chains = keyed ? 'with a key' : 'without a key';
  io.out(
    `${kind === 'postgres' ? 'PostgreSQL' : 'SQLite'}  ${location}\nSchema ${schema}; chains ${chains}.\n${lines.join('\n')}\n`,
  );
  return 0;
}

/** Data on stdout only for `-`; what was done is said on stderr. */
export async function storeExportCommand(file: string, { json }: JsonOption, io: Io): Promise<number> {
  const counts = await withHomeStore(io, (store) => exportTo(store, file, io.cwd, process.stdout));
  if (file === '-') io.err(`${summary('Exported', counts)}\n`);
  else
    io.out(
      json
        ? `${JSON.stringify({ file, rows: counts }, null, 2)}\n`
        : `${summary('Exported', counts)} to ${file}.\n`,
    );
  return 0;
}

/** Exit 1 when what was imported does not hold: it was so in the store that it comes from. */
export async function storeImportCommand(file: string, { json }: JsonOption, io: Io): Promise<number> {
  const { counts, audit } = await withHomeStore(io, (store) =>
    importFrom(store, file, { cwd: io.cwd, actor: actorName(io.env), input: process.stdin }),
  );
  if (json) io.out(`${JSON.stringify({ file, rows: counts, audit }, null, 2)}\n`);
  else io.out(`${summary('Imported', counts)} from ${file}.\n${auditLines(audit)}`);
  return audit.findings.length === 0 ? 0 : 1;
}

/** Opens the store without the key, which it does not have yet. */
export async function storeBeginKeyCommand(io: Io): Promise<number> {
  const { storeLocation, auditKey } = locateHome(io.env, io.cwd);
  if (auditKey === null) {
    throw new AllclearError('E_USAGE', {
      what: 'ALLCLEAR_AUDIT_KEY is not set',
      next: 'Set it to the key, for example the output of `openssl rand -hex 32`, and keep that safe.',
    });
  }
  const store = await openStore(storeLocation);
  try {
    await beginKey(store, auditKey);
  } finally {
    await store.close();
  }
  io.out('From now on time lines and ledger are chained with the key. Every program needs it.\n');
  return 0;
}

function summary(done: string, { incidents, events }: Counts): string {
  return `${done} ${incidents} incident${incidents === 1 ? '' : 's'} with ${events} event${events === 1 ? '' : 's'}`;
}
