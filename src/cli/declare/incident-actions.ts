/** What people do to an incident, as commands: of a server with --server (ALLCLEAR_SERVER), else of the local store. */
import { Command } from 'commander';
import type { ActionKind } from '../../engine/index.ts';
import type { Io } from '../io.ts';
import { example } from './declaration.ts';

interface ActionCommand {
  readonly name: string;
  readonly kind: ActionKind;
  readonly description: string;
  /** After the incident's id: name and meaning. */
  readonly arguments?: readonly (readonly [string, string])[];
  /** Flags and meaning; with `!`, it must be given. */
  readonly options?: readonly (readonly [string, string])[];
  readonly example: string;
  /** The action's body, from the arguments after the id and the options. */
  readonly body: (words: readonly string[], options: Readonly<Record<string, string>>) => object;
}

const STEP = ['<step>', 'its number in the runbook'] as const;
const WHY = ['!--why <text>', 'for those who read it later'] as const;

const actions: readonly ActionCommand[] = [
  {
    name: 'withdraw',
    kind: 'withdraw',
    description: 'take back your own approval of a step that has not begun',
    arguments: [STEP],
    example: 'withdraw last 2',
    body: ([step]) => ({ step: Number(step) }),
  },
  {
    name: 'skip',
    kind: 'skip',
    description: 'leave a step out',
    arguments: [STEP],
    options: [WHY],
    example: 'skip last 2 --why "the pool is new"',
    body: ([step], { why }) => ({ step: Number(step), why }),
  },
  {
    name: 'decide',
    kind: 'decide',
    description: 'about an interrupted or failed step: done, again (after new approvals) or skip',
    arguments: [STEP, ['<decision>', 'done, again or skip']],
    options: [['--why <text>', 'for those who read it later']],
    example: 'decide last 2 done --why "the rate is 50 already"',
    body: ([step, decision], { why }) => ({ step: Number(step), decision, why }),
  },
  {
    name: 'reopen',
    kind: 'reopen',
    description: 'do a step again that was done or skipped',
    arguments: [STEP],
    options: [WHY],
    example: 'reopen last 1 --why "the rate crept up again"',
    body: ([step], { why }) => ({ step: Number(step), why }),
  },
  {
    name: 'report',
    kind: 'report',
    description: 'say that you carried out a manual step, or not',
    arguments: [STEP, ['<outcome>', 'done or skipped']],
    options: [['--note <text>', 'what you did']],
    example: 'report last 3 done --note "called the vendor"',
    body: ([step, outcome], { note }) => ({ step: Number(step), outcome, note }),
  },
  {
    name: 'answer',
    kind: 'answer',
    description: 'answer the question of a check that no output can answer',
    arguments: [
      ['<check>', "the check's name"],
      ['<answer>', 'yes, no or unknown'],
    ],
    example: 'answer last cpu yes',
    body: ([check, answer]) => ({ check, answer }),
  },
  {
    name: 'diagnose',
    kind: 'diagnose',
    description: 'run the read-only checks again',
    example: 'diagnose last',
    body: () => ({}),
  },
  {
    name: 'verify',
    kind: 'verify',
    description: 'verify now, whatever steps are left',
    example: 'verify last',
    body: () => ({}),
  },
  {
    name: 'propose',
    kind: 'propose',
    description: 'suggest a step; it still needs its approvals',
    arguments: [STEP],
    options: [WHY],
    example: 'propose last 2 --why "the rate is still 300/s"',
    body: ([step], { why }) => ({ step: Number(step), why }),
  },
  {
    name: 'adopt',
    kind: 'adopt',
    description: 'go on with another runbook',
    arguments: [['<runbook>', 'its id']],
    example: 'adopt last token-refresh-cascade',
    body: ([runbook]) => ({ runbook }),
  },
  {
    name: 'note',
    kind: 'note',
    description: 'write something on the time line',
    arguments: [['<text>', 'what to write']],
    example: 'note last "the vendor confirms an outage"',
    body: ([text]) => ({ text }),
  },
  {
    name: 'ran',
    kind: 'ad-hoc',
    description: 'record a command that you ran by hand; it is not run',
    arguments: [['<command>', 'as you ran it']],
    options: [
      ['--why <text>', 'for those who read it later'],
      ['--exit <code>', 'how it ended'],
      ['--printed <text>', 'what it printed'],
    ],
    example: 'ran last "systemctl restart mcp" --exit 0',
    body: ([command], { why, exit, printed }) => ({
      command,
      why,
      exit: exit === undefined ? undefined : Number(exit),
      output: printed,
    }),
  },
  {
    name: 'assign',
    kind: 'assign',
    description: 'say who works on it',
    arguments: [['[person]', 'who; nobody when left out']],
    example: 'assign last ada',
    body: ([person]) => ({ to: person ?? null }),
  },
  {
    name: 'escalate',
    kind: 'escalate',
    description: 'hand it over',
    options: [WHY],
    example: 'escalate last --why "needs the database team"',
    body: (_, { why }) => ({ why }),
  },
];

const ID = ['<id>', 'its id, the beginning of it, or "last"'] as const;

/** Adds the commands that act on one incident, `approve` and `follow` included. */
export function declareIncidentActions(incidents: Command, io: Io, done: (exitCode: number) => void): void {
  declareApprove(incidents, io, done);
  for (const action of actions) declareAction(incidents, action, io, done);
  declareFollow(incidents, io, done);
}

function declareAction(
  incidents: Command,
  action: ActionCommand,
  io: Io,
  done: (exitCode: number) => void,
): void {
  const command = incidents
    .command(action.name)
    .description(action.description)
    .argument(...ID);
  for (const [name, meaning] of action.arguments ?? []) command.argument(name, meaning);
  for (const [flags, meaning] of action.options ?? []) {
    if (flags.startsWith('!')) command.requiredOption(flags.slice(1), meaning);
    else command.option(flags, meaning);
  }
  command
    .option('--json', 'print the incident as it is then')
    .addHelpText('after', example(`allclear incidents ${action.example}`))
    .action(async (...given: unknown[]) => {
      // commander gives the arguments, then the options, then the command.
      const [id = '', ...words] = given.slice(0, -2) as string[];
      const options = command.optsWithGlobals<Record<string, string>>();
      const { incidentActionCommand } = await import('../commands/incident-action.ts');
      const { kind } = action;
      done(await incidentActionCommand(id, { kind, body: action.body(words, options) }, options, io));
    });
}

function declareApprove(incidents: Command, io: Io, done: (exitCode: number) => void): void {
  incidents
    .command('approve')
    .description('show a step with its commands, and approve exactly that')
    .argument(...ID)
    .argument(...STEP)
    .option('-y, --yes', 'do not ask')
    .option('--json', 'print the incident as it is then')
    .addHelpText('after', example('allclear incidents approve last 2'))
    .action(async (id: string, step: string, _: object, command: Command) => {
      const { incidentApproveCommand } = await import('../commands/incident-approve.ts');
      done(await incidentApproveCommand(id, step, command.optsWithGlobals(), io));
    });
}

function declareFollow(incidents: Command, io: Io, done: (exitCode: number) => void): void {
  incidents
    .command('follow')
    .description('the time line, and what happens from now on, until it is closed')
    .argument(...ID)
    .option('--after <seq>', 'only events after this number', '0')
    .option('--json', 'print events as JSON lines')
    .addHelpText('after', example('allclear incidents follow last'))
    .action(async (id: string, _: object, command: Command) => {
      const { incidentFollowCommand } = await import('../commands/incident-follow.ts');
      done(await incidentFollowCommand(id, command.optsWithGlobals(), io));
    });
}
