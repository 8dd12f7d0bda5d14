import { Command } from 'commander';
import { declareAudit } from './audit.ts';
import { collect, type Declare, example } from './declaration.ts';
import { declareIncidentActions } from './incident-actions.ts';

/** Working on incidents, and looking back at them. */
export const incidentCommands: Declare = (io, done) => {
  const run = new Command('run')
    .description('diagnose, fix step by step, verify until all clear; asks before every step')
    .argument('[file]', 'the runbook; with --incident it may be left out')
    .option('--incident <id>', 'go on with this incident (an id, its beginning, or "last")')
    .option('-y, --yes', 'go on when confirmed; approve safe and reversible steps')
    .option('--approve-all', 'approve disruptive steps too, and an inconclusive verdict')
    .option('--skip-manual', 'skip steps that only a person can do')
    .option('--unknown <decision>', 'about an interrupted step: done, again or skip')
    .option('--failed <decision>', 'about a failed step: again (once) or skip')
    .option('--verify-each-step', 'offer to stop when verify holds before the last step')
    .option('--within <duration>', 'how long to verify where the checks do not say (5m)')
    .option('--host <mapping>', 'NAME[:PORT]=ADDRESS[:PORT], repeat for several', collect)
    .option('--param <name=value>', 'a parameter of the runbook, repeat for several', collect)
    .option('--label <name=value>', 'a label of the alert, repeat for several', collect)
    .option('--scrape <url>', '[JOB=]URL of metrics for promql checks, repeat for several', collect)
    .option('--prometheus <url>', 'the Prometheus that answers promql checks')
    .option('--sample-seconds <seconds>', 'between the two samples of a rate (5)')
    .option('--sandbox', 'run the checks, not the steps, where nothing can be changed')
    .option('--actor <name>', 'who acts (ALLCLEAR_ACTOR, your user name)')
    .option('--write', 'put the History entry into the runbook file itself')
    .option('--json', 'print the result as one object; events as JSON lines on stderr')
    .addHelpText(
      'after',
      `\nExit codes: 0 all clear, 1 stopped or not verified, 2 an approval is needed, 3 it failed.\n${example(
        'allclear run runbooks/session-storm.md',
        'allclear run --incident last --yes',
      )}`,
    )
    .action(async (file: string | undefined, options: object) => {
      const { runCommand } = await import('../commands/run.ts');
      done(await runCommand(file, options, io));
    });
  return [run, incidents(io, done)];
};

const ID = ['<id>', 'its id, the beginning of it, or "last"'] as const;

function incidents(...[io, done]: Parameters<Declare>): Command {
  const list = async (_: object, command: Command) => {
    const { incidentsCommand } = await import('../commands/incidents.ts');
    done(await incidentsCommand(command.optsWithGlobals(), io));
  };
  const group = new Command('incidents')
    .description('what has happened, newest first; of a server or of the local store')
    .option('--server <url>', 'an `allclear serve` (ALLCLEAR_SERVER); its token in ALLCLEAR_TOKEN')
    .option('--open', 'only those that are not over')
    .option('--limit <n>', 'how many, at most 1000', '20')
    .option('--json', 'print an array')
    .addHelpText(
      'after',
      example(
        'allclear incidents',
        'allclear incidents show last',
        'ALLCLEAR_SERVER=https://allclear.example.org allclear incidents --open',
      ),
    )
    .action(list);
  group
    .command('list')
    .description('the same')
    .addHelpText('after', example('allclear incidents list --open'))
    .action(list);
  group
    .command('show')
    .description('one incident: what is known, what it waits for, who did what')
    .argument(...ID)
    .option('--output', 'all of what the steps printed, not only the end')
    .option('--json', 'print one object')
    .addHelpText('after', example('allclear incidents show last'))
    .action(async (id: string, _: object, command: Command) => {
      const { incidentsShowCommand } = await import('../commands/incidents.ts');
      done(await incidentsShowCommand(id, command.optsWithGlobals(), io));
    });
  declareIncidentActions(group, io, done);
  declareAudit(group, io, done);
  group
    .command('close')
    .description('end an incident: resolved, ruled out, inconclusive or escalated')
    .argument(...ID)
    .option('--why <text>', 'for those who read it later')
    .option('--reason <text>', 'the same')
    .option('--json', 'print the incident')
    .addHelpText('after', example('allclear incidents close last --why "written up"'))
    .action(async (id: string, _: object, command: Command) => {
      const { incidentsCloseCommand } = await import('../commands/incidents.ts');
      done(await incidentsCloseCommand(id, command.optsWithGlobals(), io));
    });
  return group;
}
