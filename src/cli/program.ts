import { Command } from 'commander';
import { VERSION } from '../app/version.ts';
import { AllclearError } from '../kernel/index.ts';
import { alertingCommands } from './declare/alerting.ts';
import { checkCommands } from './declare/checks.ts';
import type { Declare } from './declare/declaration.ts';
import { doctorCommands } from './declare/doctor.ts';
import { drillCommands } from './declare/drills.ts';
import { guardCommands } from './declare/guard.ts';
import { incidentCommands } from './declare/incidents.ts';
import { runbookCommands } from './declare/runbooks.ts';
import { serviceCommands } from './declare/service.ts';
import { storeCommands } from './declare/store.ts';
import { tokenCommands } from './declare/tokens.ts';
import type { Io } from './io.ts';
import { printError } from './print-error.ts';

const GROUPS: readonly Declare[] = [
  drillCommands,
  runbookCommands,
  checkCommands,
  incidentCommands,
  guardCommands,
  serviceCommands,
  tokenCommands,
  storeCommands,
  alertingCommands,
  doctorCommands,
];

const NEXT = 'Add --help for what is accepted.';

const EPILOGUE = `
Exit codes:
  0 done   1 the finding is bad   2 wrong usage   3 the tool itself failed

Example:
  $ allclear drill session-storm      see the whole thing work, in 90 seconds`;

/**
 * Declares the whole command line. Handlers are imported when they run, so that `--help` and small
 * commands start fast.
 * @param done is told the exit code of the command that ran
 * @param json a wrong command line is one object on stderr
 */
export function createProgram(io: Io, done: (exitCode: number) => void, json = false): Command {
  const program = new Command('allclear')
    .description('Runbooks that execute, for teams that run MCP servers in production.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .showHelpAfterError(json ? false : '(add --help for what is accepted)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text),
      writeErr: (text) => io.err(text),
      outputError: (text, write) => {
        const what = text.replace(/^error: /, '');
        if (json) printError(new AllclearError('E_USAGE', { what: what.trim(), next: NEXT }), io, json);
        else write(`E_USAGE ${what}`);
      },
    })
    .configureHelp({ helpWidth: 80, sortSubcommands: false })
    .addHelpText('after', EPILOGUE);

  for (const command of GROUPS.flatMap((declare) => declare(io, done)))
    program.addCommand(inherit(program, command));
  return program;
}

/** Subcommands made with `new Command` do not take over the parent's settings by themselves. */
function inherit(parent: Command, command: Command): Command {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inherit(command, child);
  return command;
}
