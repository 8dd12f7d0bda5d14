import { promtoolFinding, shippedGroups, shippedRules } from '../../app/shipped-rules.ts';
import { printable } from '../../kernel/index.ts';
import type { Io } from '../io.ts';

export interface RulesOptions {
  readonly prefix?: string;
  readonly check?: boolean;
  readonly json?: boolean;
}

/** Prints the shipped alert rules, or checks them. @returns 0; 1 when a check finds something */
export async function rulesCommand(options: RulesOptions, io: Io): Promise<number> {
  if (options.check === true) return check(options, io);
  io.out(
    options.json === true
      ? `${JSON.stringify(await list(options.prefix), null, 2)}\n`
      : await shippedRules(options.prefix),
  );
  return 0;
}

async function list(prefix?: string) {
  const groups = await shippedGroups(prefix);
  return groups.flatMap((group) =>
    group.rules.map(({ name, expr, labels, ...rule }) => ({
      group: group.name,
      [rule.kind]: name,
      expr,
      ...(rule.kind === 'alert' && { forSeconds: rule.forMs / 1000, annotations: texts(rule.annotations) }),
      labels: texts(labels),
    })),
  );
}

/** Templates as they are written. */
function texts(templates: ReadonlyMap<string, { readonly source: string }>): Record<string, string> {
  return Object.fromEntries([...templates].map(([name, { source }]) => [name, source]));
}

/** The built-in reader has its say first: a file that it refuses is an error. */
async function check({ prefix, json }: RulesOptions, io: Io): Promise<number> {
  const rules = (await list(prefix)).length;
  const { installed, finding } = await promtoolFinding(await shippedRules(prefix));
  if (json === true) io.out(`${JSON.stringify({ rules, promtool: installed, finding }, null, 2)}\n`);
  else if (finding !== null) io.out(`${printable(finding)}\n`);
  else io.out(`${rules} rules: ${installed ? 'promtool accepts them' : NO_PROMTOOL}\n`);
  return finding === null ? 0 : 1;
}

const NO_PROMTOOL =
  'the built-in evaluator accepts them; promtool is not installed (apt-get install prometheus)';
