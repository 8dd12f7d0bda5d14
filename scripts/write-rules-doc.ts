/**
 * Writes docs/rules.md out of the docblocks of the lint rules: `node scripts/write-rules-doc.ts`.
 * A test fails while the file is out of date.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readerRules, rules } from '../src/runbook/lint/lint-runbook.ts';

const root = join(import.meta.dirname, '..');

/** The text of a rule's docblock, without comment marks. */
export function ruleDocblock(name: string): string {
  const source = readFileSync(join(root, 'src', 'runbook', 'lint', `${name}.ts`), 'utf8');
  const block = /\/\*\*\n((?: \*.*\n)+?) \*\/\nexport const \w+: Rule = \{/.exec(source);
  if (!block) throw new Error(`src/runbook/lint/${name}.ts has no docblock before its rule`);
  return block[1]!.replace(/^ \* ?/gm, '').trim();
}

export function rulesDocument(): string {
  const parts = [
    '# Lint rules',
    'Made from the rules by `node scripts/write-rules-doc.ts`; edit them there.',
    '`allclear lint FILE… --rules RULE-FILE…` reports what would let you down at night. Errors make it exit with 1;\nwarnings and infos do not. `--severity warning` hides infos, `--format sarif` feeds code hosts.',
    ...rules.map(({ name, severity }) => `## ${name}\n\nSeverity: ${severity}\n\n${ruleDocblock(name)}`),
    '# What the reader reports',
    'These come from reading the file, and `allclear inspect` shows them too.',
    ...Object.entries(readerRules).map(
      ([name, { severity, summary }]) => `## ${name}\n\nSeverity: ${severity}\n\n${summary}`,
    ),
  ];
  return `${parts.join('\n\n')}\n`;
}

if (process.argv[1] === import.meta.filename) writeFileSync(join(root, 'docs', 'rules.md'), rulesDocument());
