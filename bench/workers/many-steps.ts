/** The runbook that the workers of the benchmark carry out. */
import { parseRunbook, type Runbook } from '../../src/runbook/index.ts';

/** A runbook of `true` steps, each with its number in a comment. Verification is not what is measured. */
export function manySteps(count: number): Runbook {
  const steps = Array.from({ length: count }, (_, index) => {
    const number = index + 1;
    return `${number}. **Step ${number}**\n\n   \`\`\`bash {"risk":"safe"}\n   true # ${number}\n   \`\`\`\n`;
  });
  return parseRunbook(`# Bench\n\n## Remediation\n\n${steps.join('\n')}`, 'bench.md');
}
