import { Command } from 'commander';
import { collect, type Declare, example } from './declaration.ts';

/** Prometheus, Alertmanager, and what of their alerts is covered by runbooks. */
export const alertingCommands: Declare = (io, done) => [
  new Command('rules')
    .description('print the shipped alert rules, with links to where the runbooks are served')
    .option('--prefix <url>', 'what links begin with; {id} or {file} may stand for the runbook')
    .option('--check', 'check them instead, with promtool where it is installed')
    .option('--json', 'print an array of rules; with --check one object')
    .addHelpText(
      'after',
      `
Exit codes:
  0 done   1 promtool finds something   2 wrong usage   3 the tool itself failed
${example('allclear rules --prefix https://git.example/ops/runbooks > allclear-rules.yml', 'allclear rules --prefix https://allclear.example/runbooks/{id} --check')}`,
    )
    .action(async (options: object) => {
      const { rulesCommand } = await import('../commands/rules.ts');
      done(await rulesCommand(options, io));
    }),
  new Command('init')
    .description('configuration for Alertmanager and Prometheus that routes alerts to `allclear serve`')
    .option('--alertmanager', 'only that of Alertmanager')
    .option('--prometheus', 'only that of Prometheus')
    .option('--dir <folder>', 'write files there instead of printing; never over others')
    .option('--force', 'replace files that are there')
    .option('--url <url>', 'where Alertmanager reaches `allclear serve`', 'http://127.0.0.1:8600')
    .option(
      '--credentials-file <path>',
      'the file with the token, on the machine of Alertmanager',
      '/etc/prometheus/allclear-token',
    )
    .option('--alertmanager-address <host:port>', 'where Prometheus reaches Alertmanager', '127.0.0.1:9093')
    .option('--guard <host:port>', 'admin listener of a guard; repeat for several (127.0.0.1:9090)', collect)
    .option('--server <host:port>', 'metrics of an MCP server; repeat for several', collect)
    .option('--prefix <url>', 'what links to runbooks begin with, as for `allclear rules`')
    .addHelpText(
      'after',
      example(
        'allclear init --alertmanager --url https://allclear.example > alertmanager.yml',
        'allclear init --dir /etc/prometheus --guard mcp-1:9090 --server mcp-1:9100',
      ),
    )
    .action(async (options: object) => {
      const { initCommand } = await import('../commands/init.ts');
      done(await initCommand(options, io));
    }),
  new Command('coverage')
    .description('alerts with no runbook, dead links, runbooks with no alert')
    .option('--prometheus <url>', 'the Prometheus whose rules count (ALLCLEAR_PROMETHEUS)')
    .option('--rules <file...>', 'Prometheus rule files')
    .option(
      '--runbooks <path>',
      'file or folder; repeat for several (./runbooks, else the shipped ones)',
      collect,
    )
    .option('--prefix <url>', 'links that begin with it lead to these runbooks')
    .option('--check-links', 'ask http(s) links whether they answer')
    .option('--json', 'print one object')
    .addHelpText(
      'after',
      `
Exit codes:
  0 no gaps   1 there are gaps   2 wrong usage   3 the tool itself failed
${example('allclear coverage --prometheus http://127.0.0.1:9090', 'allclear coverage --rules alerts/*.yaml --runbooks ops/runbooks --check-links')}`,
    )
    .action(async (options: object) => {
      const { coverageCommand } = await import('../commands/coverage.ts');
      done(await coverageCommand(options, io));
    }),
];
