import { Command } from 'commander';
import { type Declare, example } from './declaration.ts';

/** Rehearsals against the real failure. */
export const drillCommands: Declare = (io, done) => [
  new Command('drill')
    .description('inject a real failure into a lab and prove that its runbook cures it')
    .argument('<failure>', 'which failure: session-storm, token-refresh-cascade, tool-timeout-spiral')
    .option('--clients <n>', 'how many MCP clients to connect (default depends on the failure)')
    .option('--initialize-cost <ms>', 'session-storm: CPU that one initialize costs, in ms (default 10)')
    .option('--no-guard', 'the same failure with nothing done: see what happens untreated')
    .option('--observe <duration>', 'with --no-guard: how long to watch (default 1m)')
    .option('--practice', 'inject the failure and leave the fixing to you, until Ctrl-C')
    .option('--keep', 'leave the lab up afterwards, until Ctrl-C')
    .option('--listen <host:port>', 'where the guard takes MCP traffic (default 127.0.0.1:8080)')
    .option('--admin <host:port>', 'where the guard shows metrics and levers (default 127.0.0.1:9090)')
    .option('--json', 'print the result as one object; progress goes to stderr')
    .addHelpText(
      'after',
      example(
        'allclear drill session-storm',
        'allclear drill session-storm --no-guard',
        'allclear drill session-storm --practice   then, elsewhere: allclear run …',
      ),
    )
    .action(async (failure: string, options: object) => {
      const { drillCommand } = await import('../commands/drill.ts');
      done(await drillCommand(failure, options, io));
    }),
];
