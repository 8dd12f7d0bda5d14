import { Command } from 'commander';
import { type Declare, example } from './declaration.ts';

/** Commands that read runbooks and change nothing. */
export const runbookCommands: Declare = (io, done) => [
  new Command('inspect')
    .description('show what a runbook contains: sections, checks, steps, what was inferred')
    .argument('<file...>', 'runbooks or folders of runbooks')
    .option('--json', 'print an array with one object per file')
    .addHelpText('after', example('allclear inspect runbooks/session-storm.md'))
    .action(async (files: string[], options: object) => {
      const { inspectCommand } = await import('../commands/inspect.ts');
      done(await inspectCommand(files, options, io));
    }),
  new Command('lint')
    .description('find what would let you down at 3 AM')
    .argument('<file...>', 'runbooks or folders of runbooks')
    .option('--rules <file...>', 'Prometheus rule files: linked alerts must exist there')
    .option('--format <format>', 'pretty, json or sarif', 'pretty')
    .option('--severity <severity>', 'show only error, warning (and worse) or info (all)', 'info')
    .option('--json', 'the same as --format json')
    .addHelpText('after', example('allclear lint runbooks --rules runbooks/alerts.yaml'))
    .action(async (files: string[], options: object) => {
      const { lintCommand } = await import('../commands/lint.ts');
      done(await lintCommand(files, options, io));
    }),
];
