import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { example } from './declaration.ts';

/** `incidents verify-audit` and `incidents export`: of the local store. */
export function declareAudit(incidents: Command, io: Io, done: (exitCode: number) => void): void {
  incidents
    .command('verify-audit')
    .description('look whether the record still is what was written; reads the store itself')
    .option('--expect <head>', 'NUMBER:HASH that an earlier run has printed: it must still be there')
    .option('--json', 'print one object')
    .addHelpText(
      'after',
      `\nExit codes: 0 it is, 1 something was changed, deleted, reordered or put in.\n${example(
        'allclear incidents verify-audit',
      )}`,
    )
    .action(async (_: object, command: Command) => {
      const { verifyAuditCommand } = await import('../commands/audit.ts');
      done(await verifyAuditCommand(command.optsWithGlobals(), io));
    });
  incidents
    .command('export')
    .description('time lines as JSON lines, with their hashes; reads the store itself')
    .option('--incident <id>', 'only this one: its id, the beginning of it, or "last"')
    .addHelpText('after', example('allclear incidents export > incidents.jsonl'))
    .action(async (_: object, command: Command) => {
      const { exportEventsCommand } = await import('../commands/audit.ts');
      done(await exportEventsCommand(command.optsWithGlobals(), io));
    });
}
