/** Writes docs/cli.md from the declared commands: `node scripts/cli-docs.ts`. A test fails when it is stale. */
import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { Io } from '../src/cli/io.ts';
import { createProgram } from '../src/cli/program.ts';

const silent: Io = {
  out: () => {},
  err: () => {},
  colour: false,
  interactive: false,
  columns: 80,
  env: {},
  cwd: '.',
  signal: new AbortController().signal,
};

/** The whole reference, from the same declarations that `--help` prints. */
export function cliReference(): string {
  const program = createProgram(silent, () => {});
  const commands = program.commands.filter((command) => command.name() !== 'help');
  const sections = commands
    .flatMap((command) => [command, ...command.commands])
    .map((command) => section(command));
  return `# Command line

This page is generated from the commands' own help (\`node scripts/cli-docs.ts\`).

Every command has \`--help\`. Data goes to stdout; progress, notices and errors go to stderr. Colour is
used on a terminal only, and never when \`NO_COLOR\` is set. Exit codes: 0 done, 1 the finding is bad,
2 wrong usage or bad input, 3 the tool itself failed. [Errors](errors.md) explains the codes that start
with \`E_\`.

${ENVIRONMENT}
${sections.join('\n')}`;
}

const ENVIRONMENT = `| environment | meaning | default |
| --- | --- | --- |
| \`ALLCLEAR_HOME\` | folder of the store, drill records and proposed runbooks | \`./.allclear\` |
| \`ALLCLEAR_STORE\` | path of the SQLite store, or \`postgres://user@host/database\` ([The store](service-store.md)) | \`$ALLCLEAR_HOME/allclear.db\` |
| \`ALLCLEAR_AUDIT_KEY\` | the key of the audit trail ([The store](service-store.md#the-audit-trail)) | none |
| \`ALLCLEAR_GUARD_URL\` | the guard's metrics and levers | \`http://127.0.0.1:9090\` |
| \`ALLCLEAR_GUARD_TOKEN\` | the guard's token for moving levers | none: levers are read-only |
| \`ALLCLEAR_PROMETHEUS\` | a Prometheus that answers \`promql\` blocks | none: the built-in window |
| \`ALLCLEAR_ACTOR\` | who makes changes, for the record | your user name |
`;

function section(command: Command): string {
  const path = command.parent?.parent ? `${command.parent.name()} ${command.name()}` : command.name();
  return `## allclear ${path}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\`\n`;
}

/** The help as printed, epilogue included. */
function helpOf(command: Command): string {
  let text = '';
  const previous = command.configureOutput();
  command.configureOutput({ ...previous, writeOut: (part) => (text += part) });
  command.outputHelp();
  command.configureOutput(previous);
  return text.trimEnd();
}

if (import.meta.main) {
  writeFileSync(new URL('../docs/cli.md', import.meta.url), cliReference());
}
