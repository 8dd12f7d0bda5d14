import { Command } from 'commander';
import type { Io } from '../io.ts';
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
    .option('--no-worker', 'leave the work to `allclear worker`')
    .option('--site <name>', 'its worker takes only work of this site; may be repeated', collect)
    .option('--concurrency <n>', 'jobs of its worker at once', '8')
    .option('--drain <duration>', 'how long a stop waits for answers and running steps', '10s')
    .option('--host <name=address>', 'reach NAME[:PORT] at ADDRESS[:PORT]; may be repeated', collect)
    .option('--prometheus <url>', 'the Prometheus that answers PromQL (or ALLCLEAR_PROMETHEUS)')
    .option('--scrape <[job=]url>', 'a metrics page for the built-in scraper; may be repeated', collect)
    .option('--sample-seconds <n>', 'time between the two samples of a rate (default 5)')
    .option('--log-requests <which>', 'a line for each request that ends: none, errors or all', 'errors')
    .option('--json-logs', 'notices as JSON lines, also on a terminal')
    .addHelpText(
      'after',
      example('allclear serve', 'allclear serve --listen 0.0.0.0:8600 --config allclear.yaml'),
    )
    .action(async (options: object) => {
      const { serveCommand } = await import('../commands/serve.ts');
      done(await serveCommand(options, io));
    });
  const worker = new Command('worker')
    .description('do the work of incidents: checks, approved steps, verification; any number may run')
    .option('--site <name>', 'take only work of this site; may be repeated (work of any site)', collect)
    .option('--concurrency <n>', 'jobs at once', '8')
    .option(
      '--runbooks <path>',
      'file or folder; repeat for several (./runbooks, else the shipped ones)',
      collect,
    )
    .option('--config <file>', 'YAML settings of the service (ALLCLEAR_CONFIG; else as a server has them)')
    .option('--drain <duration>', 'how long a stop waits for running steps', '10s')
    .option('--host <name=address>', 'reach NAME[:PORT] at ADDRESS[:PORT]; may be repeated', collect)
    .option('--prometheus <url>', 'the Prometheus that answers PromQL (or ALLCLEAR_PROMETHEUS)')
    .option('--scrape <[job=]url>', 'a metrics page for the built-in scraper; may be repeated', collect)
    .option('--sample-seconds <n>', 'time between the two samples of a rate (default 5)')
    .option('--json-logs', 'notices as JSON lines, also on a terminal')
    .addHelpText(
      'after',
      `
It needs nothing but the store that servers share with it (ALLCLEAR_STORE).
${example('ALLCLEAR_STORE=postgres://allclear@db/allclear allclear worker --site eu-1', 'allclear worker --concurrency 2')}`,
    )
    .action(async (options: object) => {
      const { workerCommand } = await import('../commands/worker.ts');
      done(await workerCommand(options, io));
    });
  return [serve, worker, mcpCommandOf(io, done)];
};

function mcpCommandOf(io: Io, done: (exitCode: number) => void): Command {
  return new Command('mcp')
    .description('serve agents over stdio: search and read runbooks, see incidents, diagnose, propose')
    .option('--server <url>', 'a server to speak for (ALLCLEAR_SERVER); else this machine')
    .option(
      '--runbooks <path>',
      'file or folder; repeat for several (./runbooks, else the shipped ones)',
      collect,
    )
    .option('--host <name=address>', 'reach NAME[:PORT] at ADDRESS[:PORT]; may be repeated', collect)
    .option('--prometheus <url>', 'the Prometheus that answers PromQL (or ALLCLEAR_PROMETHEUS)')
    .option('--scrape <[job=]url>', 'a metrics page for the built-in scraper; may be repeated', collect)
    .addHelpText(
      'after',
      `
With a server, the agent comes in with the token in ALLCLEAR_TOKEN; without one it sees the store and the
runbooks of this machine. It can propose steps; approving and running them is for people.
${example('allclear mcp', 'ALLCLEAR_TOKEN=… allclear mcp --server http://127.0.0.1:8600')}`,
    )
    .action(async (options: object) => {
      const { mcpCommand } = await import('../commands/mcp.ts');
      done(await mcpCommand(options, io));
    });
}
