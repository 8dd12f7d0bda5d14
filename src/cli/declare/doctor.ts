import { Command } from 'commander';
import { collect, type Declare, example } from './declaration.ts';

/** What works here, and what does not. */
export const doctorCommands: Declare = (io, done) => [
  new Command('doctor')
    .description('look at everything that Allclear needs here: what works, what does not, and the fix')
    .option('--config <file>', 'YAML settings of the service (ALLCLEAR_CONFIG)')
    .option('--runbooks <path>', 'file or folder; repeat for several (as `allclear serve`)', collect)
    .option('--prometheus <url>', 'the Prometheus that answers PromQL (or ALLCLEAR_PROMETHEUS)')
    .option('--alertmanager <url>', 'an Alertmanager to look at')
    .option('--json', 'print an array: name, state (ok, warning, broken, off), found, fix')
    .addHelpText(
      'after',
      `\nExit codes:\n  0 all that is needed works   1 something needed is broken   2 wrong usage\n${example(
        'allclear doctor',
        'allclear doctor --prometheus http://127.0.0.1:9090 --json',
      )}`,
    )
    .action(async (options: object) => {
      const { doctorCommand } = await import('../commands/doctor.ts');
      done(await doctorCommand(options, io));
    }),
];
