import { Command } from 'commander';
import { type Declare, example } from './declaration.ts';

/** Where incidents are kept. */
export const storeCommands: Declare = (io, done) => {
  const store = new Command('store')
    .description('where incidents are kept: look at it, move it between SQLite and PostgreSQL')
    .helpCommand(false)
    .addHelpText(
      'after',
      example(
        'allclear store export allclear.jsonl',
        'ALLCLEAR_STORE=postgres://allclear@db/allclear allclear store import allclear.jsonl',
      ),
    );
  store
    .command('info')
    .description('where it is and what it holds')
    .option('--json', 'print one object')
    .addHelpText('after', example('allclear store info'))
    .action(async (options: object) => {
      const { storeInfoCommand } = await import('../commands/store.ts');
      done(await storeInfoCommand(options, io));
    });
  store
    .command('export')
    .description('write all of it, as of one moment, as JSON lines; others may go on working')
    .argument('<file>', 'where to; - for standard output')
    .option('--json', 'print what was written as one object')
    .addHelpText(
      'after',
      example('allclear store export allclear.jsonl', 'allclear store export - | gzip > backup.gz'),
    )
    .action(async (file: string, options: object) => {
      const { storeExportCommand } = await import('../commands/store.ts');
      done(await storeExportCommand(file, options, io));
    });
  store
    .command('import')
    .description('fill an empty store with an export: all of it or nothing; then verify its audit trail')
    .argument('<file>', 'from where; - for standard input')
    .option('--json', 'print what was read, and the audit, as one object')
    .addHelpText(
      'after',
      `\nExit codes: 0 done, 1 what was imported does not hold (it did not in the store it comes from), 2 no whole export.\n${example('allclear store import allclear.jsonl')}`,
    )
    .action(async (file: string, options: object) => {
      const { storeImportCommand } = await import('../commands/store.ts');
      done(await storeImportCommand(file, options, io));
    });
  store
    .command('begin-key')
    .description('let a store that was begun without ALLCLEAR_AUDIT_KEY go on with it')
    .addHelpText('after', example('ALLCLEAR_AUDIT_KEY="$(cat audit.key)" allclear store begin-key'))
    .action(async () => {
      const { storeBeginKeyCommand } = await import('../commands/store.ts');
      done(await storeBeginKeyCommand(io));
    });
  return [store];
};
