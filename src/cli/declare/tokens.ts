import { Command } from 'commander';
import { type Declare, example } from './declaration.ts';

/** Who may come in. */
export const tokenCommands: Declare = (io, done) => {
  const token = new Command('token')
    .description('API tokens of the incident service; works on its store directly')
    .helpCommand(false)
    .addHelpText(
      'after',
      example('allclear token create --owner ada --role approver', 'allclear token list'),
    );
  token
    .command('create')
    .description('make a token and print it, once')
    .requiredOption('--owner <name>', 'the person or program; all tokens of one owner are one person')
    .requiredOption('--role <role>', 'viewer, responder, approver or admin')
    .option('--label <text>', 'what it is for', '')
    .option('--expires <duration>', 'how long it is valid: 90d, 12h …, or never', '90d')
    .option('--json', 'print one object, with the token')
    .addHelpText(
      'after',
      example('allclear token create --owner ada --role approver --label laptop --expires 30d'),
    )
    .action(async (options: { owner: string; role: string; label: string; expires: string }) => {
      const { tokenCreateCommand } = await import('../commands/token.ts');
      done(await tokenCreateCommand(options, io));
    });
  token
    .command('list')
    .description('all tokens, newest first; never the tokens themselves')
    .option('--json', 'print an array')
    .addHelpText('after', example('allclear token list'))
    .action(async (options: object) => {
      const { tokenListCommand } = await import('../commands/token.ts');
      done(await tokenListCommand(options, io));
    });
  token
    .command('revoke')
    .description('end a token at once')
    .argument('<id>', 'as the list shows it')
    .option('--json', 'print what is known of it')
    .addHelpText('after', example('allclear token revoke tok-1kzpd4mhs6qv0e5n'))
    .action(async (id: string, options: object) => {
      const { tokenRevokeCommand } = await import('../commands/token.ts');
      done(await tokenRevokeCommand(id, options, io));
    });
  return [token];
};
