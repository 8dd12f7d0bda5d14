import { Command } from 'commander';
import { collect, type Declare, example } from './declaration.ts';

/** The incident service. */
export const serviceCommands: Declare = (io, done) => {
  const serve = new Command('serve')
    .description('run the incident service: alerts in, incidents diagnosed, steps approved and run')
    .option('--listen <host:port>', 'where it listens; loopback unless told otherwise', '127.0.0.1:8600')
    .option(
      '--runbooks <path>',
      'file or folder; repeat for several (./runbooks, else the shipped ones)',
      collect,
    )
    .option('--public-url <url>', 'where people reach it, when a name or a proxy stands before it')
    .option('--config <file>', 'YAML settings of the service (ALLCLEAR_CONFIG)')
    .option('--json-logs', 'notices as JSON lines, also on a terminal')
    .addHelpText(
      'after',
      example('allclear serve', 'allclear serve --listen 0.0.0.0:8600 --config allclear.yaml'),
    )
    .action(async (options: object) => {
      const { serveCommand } = await import('../commands/serve.ts');
      done(await serveCommand(options, io));
    });
  return [serve];
};
