import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseRunbook } from './index.ts';
import { sectionName } from './sections.ts';

const document = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'format.md'), 'utf8');

describe('docs/format.md', () => {
  it('shows a runbook that reads as it says', () => {
    const source = /````markdown\n(.*?)^````$/ms.exec(document)![1]!;
    const { checks, steps, diagnostics, title } = parseRunbook(source, 'example.md');
    expect(title).toBe('MCP session storm');
    expect(checks.map(({ name, normal }) => [name, normal?.cel])).toEqual([
      ['initialization-rate', 'rate < 100'],
      ['queue-drained', 'value < 10'],
    ]);
    expect(steps).toMatchObject([{ title: 'Pace the handshakes', blocks: [{ undo: { name: 'unpace' } }] }]);
    expect(diagnostics).toEqual([]);
  });

  const examples = [
    ...document.matchAll(/^\| `([^`]+)` \| `((?:[^`\\]|\\.)+)` \| (?:`([^`]+)`|(a question)).*\|$/gm),
  ];
  it.each(
    examples.map(([, comment, command, cel, question]) => [
      comment!,
      command!.replaceAll('\\|', '|'),
      cel ?? question!,
    ]),
  )('%s, above %s: %s', (comment, command, becomes) => {
    const [check] = parseRunbook(
      `## Diagnosis\n\`\`\`bash\n# ${comment}\n${command}\n\`\`\`\n`,
      'x.md',
    ).checks;
    expect(check!.normal?.cel ?? (check!.question && 'a question')).toBe(becomes);
  });

  it('has the examples', () => {
    expect(examples.length).toBeGreaterThanOrEqual(8);
  });

  it('lists aliases that are read', () => {
    const rows = [...document.matchAll(/^\| (Symptom|Diagnosis|Remediation|Verify|History) \| (.+) \|$/gm)];
    expect(rows).toHaveLength(5);
    for (const [, section, aliases] of rows) {
      for (const alias of aliases!.split(', '))
        expect(sectionName(alias.replace(/\s*\(.*\)/, '')), alias).toBe(section!.toLowerCase());
    }
  });
});
