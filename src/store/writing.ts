import { setTimeout as pause } from 'node:timers/promises';
import type { Kysely, KyselyPlugin, PluginTransformResultArgs, QueryResult, UnknownRow } from 'kysely';
import { AllclearError } from '../kernel/index.ts';
import type { Chain } from './chain.ts';
import type { Reader, Writer } from './database.ts';
import { writeEvents } from './events.ts';
import { writeEvidence } from './evidence.ts';
import { writeHeld } from './held.ts';
import { writeLedger } from './ledger.ts';
import { isLost, mayTryAgain } from './postgres-errors.ts';
import type { Schema } from './schema.ts';
import type { Store } from './store.ts';
import { type Gathered, gather } from './transaction.ts';

const MAX_ATTEMPTS = 5;
const PAUSE_MS = 20;

/**
 * The store's `write`: one transaction, done again when another one was in the way.
 * @param chain how its lines are hashed
 * @param onChange called after a commit that changed rows
 */
export function writer(db: Kysely<Schema>, chain: Chain, onChange: () => void): Store['write'] {
  return async function write<T>(work: (tx: Writer) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const changes = new ChangeCounter();
      let begun = false;
      try {
        const result = await db.transaction().execute(async (plain) => {
          begun = true;
          const tx = plain.withPlugin(changes);
          const gathered = gather(tx, chain);
          const done = await work(tx);
          await writeGathered(tx, gathered);
          return done;
        });
        if (changes.count > 0) onChange();
        return result;
      } catch (error) {
        // An idle connection may have died unnoticed: without a BEGIN nothing has been done on it.
        const stale = !begun && isLost(causeOf(error));
        if (attempt >= MAX_ATTEMPTS || !(stale || mayTryAgain(error))) throw error;
        await pause(PAUSE_MS * attempt * Math.random());
      }
    }
  };
}

async function writeGathered(tx: Writer, gathered: Gathered): Promise<void> {
  await writeHeld(tx, gathered);
  await writeEvents(tx, gathered);
  await writeEvidence(tx, gathered);
  await writeLedger(tx, gathered);
}

/** The store's `snapshot`, on this connection or pool. */
export function reading<T>(db: Kysely<Schema>, work: (db: Reader) => Promise<T>): Promise<T> {
  return db.transaction().setAccessMode('read only').execute(work);
}

function causeOf(error: unknown): unknown {
  return error instanceof AllclearError ? error.details.cause : error;
}

/** Counts rows that were inserted, changed or deleted. */
class ChangeCounter implements KyselyPlugin {
  count = 0;

  transformQuery: KyselyPlugin['transformQuery'] = ({ node }) => node;

  async transformResult({ result }: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> {
    this.count += Number(result.numAffectedRows ?? 0);
    return result;
  }
}
