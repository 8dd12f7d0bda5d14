import { Command } from 'commander';
import { collect, type Declare, example } from './declaration.ts';

/** The proxy in front of MCP servers, and its live controls. */
export const guardCommands: Declare = (io, done) => {
  const lever = new Command('lever')
    .description('see and move the live controls of a running guard')
    .option('--guard <url>', 'admin listener of the guard (ALLCLEAR_GUARD_URL, http://127.0.0.1:9090)')
    .option('--actor <name>', 'who makes the change (ALLCLEAR_ACTOR, your user name)')
    .option('--json', 'print an array of levers')
    .addHelpText(
      'after',
      `\nWrites need the guard's token in ALLCLEAR_GUARD_TOKEN.\n${example('allclear lever', 'allclear lever set MAX_INIT_PER_SECOND=50 --ttl 15m --reason "session storm"')}`,
    )
    .action(async (options: object) => {
      const { leverListCommand } = await import('../commands/lever.ts');
      done(await leverListCommand(options, io));
    });
  lever
    .command('set')
    .description('set levers for a time; then they return to where they were at start')
    .argument('<assignment...>', 'NAME=VALUE, several, or NAME VALUE')
    .option('--ttl <duration>', 'how long the change holds, at most 24h', '15m')
    .option('--reason <text>', 'why, for those who find it later')
    .option('--outlast-incident', 'within a runbook: hold for the whole ttl, also when the incident is over')
    .addHelpText(
      'after',
      example('allclear lever set MAX_INIT_PER_SECOND=50 --ttl 15m --reason "session storm"'),
    )
    .action(async (words: string[], _: object, command: Command) => {
      const { leverSetCommand } = await import('../commands/lever.ts');
      done(await leverSetCommand(words, command.optsWithGlobals(), io));
    });
  lever
    .command('reset')
    .description('give levers back to their value at start, at once')
    .argument('<name...>', 'levers')
    .addHelpText('after', example('allclear lever reset MAX_INIT_PER_SECOND'))
    .action(async (names: string[], _: object, command: Command) => {
      const { leverResetCommand } = await import('../commands/lever.ts');
      done(await leverResetCommand(names, command.optsWithGlobals(), io));
    });
  const guard = new Command('guard')
    .description('stand in front of MCP servers: measure the traffic, hold the levers')
    .option('--upstream <url>', 'an MCP server; repeat for several (UPSTREAMS)', collect)
    .option('--config <file>', 'YAML: upstreams, levers, drivers; read anew when it changes, and at SIGHUP')
    .option('--listen <host:port>', 'where MCP traffic comes in', '127.0.0.1:8080')
    .option('--admin <host:port>', 'where metrics and levers are', '127.0.0.1:9090')
    .option('--state <file>', 'keeps held levers over a restart (.allclear/guard/levers-<admin port>.json)')
    .option('--no-state', 'a restart forgets what is held')
    .option('--auth-upstream <url>', 'the authorization server to front (AUTH_UPSTREAM)')
    .option('--auth-listen <host:port>', 'where its traffic comes in', '127.0.0.1:8081')
    .option('--no-cache', 'ask the servers for every result, also for those that they call public')
    .option('--tls-cert <file>', 'PEM certificate and chain: the listeners then speak HTTPS')
    .option('--tls-key <file>', 'PEM key of the certificate')
    .option('--upstream-ca <file>', 'PEM certificates of your own authorities, for https upstreams')
    .option('--drain <duration>', 'how long a stop waits for answers in progress', '10s')
    .option('--log-requests <which>', 'a line for each request that ends: none, errors or all', 'none')
    .option('--json-logs', 'notices as JSON lines, also on a terminal')
    .addHelpText(
      'after',
      example(
        'allclear guard --upstream http://127.0.0.1:3001',
        'allclear guard --upstream http://127.0.0.1:3001 --auth-upstream http://127.0.0.1:3002',
      ),
    )
    .action(async (options: object) => {
      const { guardCommand } = await import('../commands/guard.ts');
      done(await guardCommand(options, io));
    });
  return [guard, lever];
};
