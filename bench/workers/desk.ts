/** What the benchmark's parent and its workers must agree about. */
import { type Desk, policiesSchema } from '../../src/engine/index.ts';
import { systemClock } from '../../src/kernel/index.ts';
import { parseRunbook, type Runbook } from '../../src/runbook/index.ts';
import type { Store } from '../../src/store/index.ts';

/** Begins what is confirmed, and runs safe steps alone. */
export function benchDesk(store: Store): Desk {
  return {
    store,
    clock: systemClock,
    library: { list: () => [] },
    policies: policiesSchema.parse([{ 'begin-when-confirmed': true, 'run-alone': ['safe'] }]),
    params: {},
    secrets: [],
  };
}

/** A runbook of `true` steps, each with its number in a comment. Verification is not what is measured. */
export function manySteps(count: number): Runbook {
  const steps = Array.from({ length: count }, (_, index) => {
    const number = index + 1;
    return `${number}. **Step ${number}**\n\n   \`\`\`bash {"risk":"safe"}\n   true # ${number}\n   \`\`\`\n`;
  });
  return parseRunbook(`# Bench\n\n## Remediation\n\n${steps.join('\n')}`, 'bench.md');
}
