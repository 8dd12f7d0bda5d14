import { Command } from 'commander';
import { collect, type Declare, example } from './declaration.ts';

/** The options of every command that runs a runbook's commands and queries. */
export function withSurroundings(command: Command): Command {
  return command
    .option('--host <name=address>', 'reach NAME[:PORT] at ADDRESS[:PORT]; may be repeated', collect)
    .option('--param <name=value>', 'a parameter of the runbook ($PARAM_NAME); may be repeated', collect)
    .option('--label <name=value>', 'a label of the alert ($LABEL_NAME); may be repeated', collect)
    .option('--prometheus <url>', 'the Prometheus that answers PromQL (or ALLCLEAR_PROMETHEUS)')
    .option('--scrape <[job=]url>', 'a metrics page for the built-in scraper; may be repeated', collect)
    .option('--sample-seconds <n>', 'time between the two samples of a rate (default 5)')
    .option('--sandbox', 'run the checks as those that run by themselves: nothing can be changed');
}

/** Commands that run checks: they read the system and change nothing. */
export const checkCommands: Declare = (io, done) => [
  withSurroundings(
    new Command('diagnose')
      .description('run the Diagnosis of runbooks: confirmed, ruled out or inconclusive')
      .argument('<file...>', 'runbooks or folders of runbooks'),
  )
    .option('--json', 'print an array: runbook, verdict, why, readings')
    .addHelpText(
      'after',
      `
Exit codes:
  0 every verdict is confirmed or ruled out   1 one is inconclusive
  2 wrong usage   3 the tool itself failed
${example('allclear diagnose runbooks/session-storm.md', 'allclear diagnose storm.md --host mcp-server=127.0.0.1')}`,
    )
    .action(async (files: string[], options: object) => {
      const { diagnoseCommand } = await import('../commands/diagnose.ts');
      done(await diagnoseCommand(files, options, io));
    }),
  withSurroundings(
    new Command('verify')
      .description('run the Verify section of a runbook until all is normal')
      .argument('<file>', 'the runbook'),
  )
    .option('--within <duration>', 'how long to wait where the runbook does not say (default 5m)')
    .option('--poll <duration>', 'time between two rounds (default 5s)')
    .option('--once', 'one round only')
    .option('--answer <check=yes|no>', 'answer a question in advance; may be repeated', collect)
    .option('--json', 'print one object: runbook, verified, why, readings, rounds')
    .addHelpText(
      'after',
      `
Exit codes:
  0 verified   1 not verified   2 wrong usage   3 the tool itself failed
${example('allclear verify runbooks/session-storm.md', 'allclear verify storm.md --once --answer cpu=yes')}`,
    )
    .action(async (file: string, options: object) => {
      const { verifyCommand } = await import('../commands/verify.ts');
      done(await verifyCommand(file, options, io));
    }),
];
